/** Where to go after signing in: a page of this console, whatever the address says. */
export function destinationOf(wanted: string | null): string {
  if (wanted === null || !wanted.startsWith('/') || /^\/[/\\]/.test(wanted)) return '/';
  return /^\/(sign-in|sign-up|password)\b/.test(wanted) ? '/' : wanted;
}
