import type { ReactNode } from 'react';

/** Nothing to show, why, and what to do about it. Where that is the whole page, its title is the heading. */
export function Empty(props: { title: string; hint?: string; children?: ReactNode; isPage?: boolean }) {
  const { title, hint, children, isPage } = props;
  return (
    <div className="empty">
      <svg viewBox="0 0 72 48" fill="none" stroke="currentColor" strokeWidth="2" aria-hidden="true">
        <rect x="1" y="7" width="44" height="12" rx="4" />
        <rect x="1" y="29" width="44" height="12" rx="4" strokeDasharray="4 4" />
        <path d="M45 13h8c8 0 4 11 12 11M45 35h8c8 0 4-11 12-11" strokeLinecap="round" />
        <circle cx="68" cy="24" r="3" fill="currentColor" stroke="none" />
      </svg>
      {isPage ? <h1>{title}</h1> : <strong>{title}</strong>}
      {hint && <p>{hint}</p>}
      {children}
    </div>
  );
}
