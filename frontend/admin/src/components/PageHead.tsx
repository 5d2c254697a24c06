import { ArrowLeftOutlined } from '@ant-design/icons';
import { type ReactNode, useEffect } from 'react';
import { useTranslation } from 'react-i18next';
import { Link } from 'react-router';

/** Names the browser's tab. */
export function useDocumentTitle(page: string) {
  const { t } = useTranslation();
  const title = t('brand.title', { page });
  useEffect(() => {
    document.title = title;
  }, [title]);
}

/** A page's title, one line on what it is for, and what can be done here. */
export function PageHead(props: {
  title: string;
  lead?: ReactNode;
  actions?: ReactNode;
  back?: { to: string; label: string };
}) {
  useDocumentTitle(props.title);
  return (
    <header className="page-head">
      <div className="page-head-words">
        {props.back && (
          <Link className="page-head-back" to={props.back.to}>
            <ArrowLeftOutlined aria-hidden /> {props.back.label}
          </Link>
        )}
        <h1>{props.title}</h1>
        {props.lead && <p>{props.lead}</p>}
      </div>
      {props.actions && <div className="page-actions">{props.actions}</div>}
    </header>
  );
}
