import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Brand } from '@/components/Brand';
import { useDocumentTitle } from '@/components/PageHead';
import { Preferences } from '@/components/Preferences';

/** The frame of the pages before one is in. */
export function Entrance({ title, lead, children }: { title: string; lead: string; children: ReactNode }) {
  const { t } = useTranslation();
  useDocumentTitle(title);
  return (
    <div className="entrance">
      <aside className="entrance-scene">
        <Lines />
        <Brand />
        <p>{t('signIn.lead')}</p>
      </aside>
      <main className="entrance-form">
        <div className="entrance-tools">
          <Brand />
          <Preferences />
        </div>
        <div className="entrance-body">
          <h1>{title}</h1>
          <p>{lead}</p>
          {children}
        </div>
      </main>
    </div>
  );
}

/** Many requests, one entrance, many services. */
function Lines() {
  const rows = Array.from({ length: 17 }, (_, index) => index - 8);
  return (
    <svg
      className="entrance-lines"
      viewBox="0 0 600 900"
      preserveAspectRatio="xMidYMid slice"
      aria-hidden="true"
    >
      <g fill="none" stroke="#8fd0bf" strokeWidth="1.2" strokeOpacity="0.28">
        {rows.map((row) => (
          <path
            key={row}
            d={`M-20 ${450 + row * 62} C 160 ${450 + row * 62}, 190 ${450 + row * 9}, 300 ${450 + row * 9} S 440 ${450 + row * 62}, 620 ${450 + row * 62}`}
          />
        ))}
      </g>
      <g fill="#f0b44c">
        <circle cx="300" cy={450 - 2 * 9} r="3.5" />
        <circle cx="300" cy={450 + 9} r="3.5" />
        <circle cx="300" cy={450 + 5 * 9} r="3.5" />
      </g>
      <path d="M300 330v240" stroke="#eaf3ef" strokeOpacity="0.5" strokeWidth="1.5" />
    </svg>
  );
}
