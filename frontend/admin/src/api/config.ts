/** What `/config.js` may say; the container that serves the console writes that file when it starts. */
export interface RuntimeConfig {
  /** Where the gateway is. Empty or absent: at the console's own address. */
  apiUrl?: string;
  /** Whether the sign-in page offers to create an account. Absent: it does, and the server decides. */
  signup?: 'open' | 'closed';
}

declare global {
  interface Window {
    __SAAS_CONFIG__?: RuntimeConfig;
  }
}

/** The address before every path of the API, without a slash at its end. */
export function apiUrl(): string {
  const configured = window.__SAAS_CONFIG__?.apiUrl?.trim();
  return (configured || window.location.origin).replace(/\/+$/, '');
}

/** Whether to offer sign-up at all. */
export function offersSignUp(): boolean {
  return window.__SAAS_CONFIG__?.signup !== 'closed';
}
