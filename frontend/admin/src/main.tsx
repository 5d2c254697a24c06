import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { session } from '@/api/client';
import { App } from '@/app/App';
import { startTranslation } from '@/i18n';
import '@/app/style/index.css';

void session.restore();

const root = document.getElementById('root');
if (root !== null) {
  await startTranslation();
  createRoot(root).render(
    <StrictMode>
      <App />
    </StrictMode>,
  );
}
