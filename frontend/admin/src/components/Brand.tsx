import { useTranslation } from 'react-i18next';

/** Three ways in, one way on: the platform's mark and name. */
export function Brand() {
  const { t } = useTranslation();
  return (
    <span className="brand">
      <svg viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="#0e6b5e" />
        <g fill="none" stroke="#fff" strokeWidth="2.4" strokeLinecap="round">
          <path d="M7 9.5h5.5c3 0 3.5 6.5 6.5 6.5M7 22.5h5.5c3 0 3.5-6.5 6.5-6.5M7 16h18" />
        </g>
        <circle cx="25" cy="16" r="2.6" fill="#f0b44c" />
      </svg>
      {t('brand.name')}
    </span>
  );
}
