import createClient, { type Client } from 'openapi-fetch';
import { apiUrl } from './config';
import type { components as CoreComponents, paths as CorePaths } from './core.gen';
import { ApiError } from './problem';
import type { components as RegistryComponents, paths as RegistryPaths } from './registry.gen';
import { Session } from './session';

export type CoreSchemas = CoreComponents['schemas'];
export type RegistrySchemas = RegistryComponents['schemas'];

/** No call is waited for longer than this. A drain may take 30 s by itself. */
const TIME_LIMIT_MS = 45_000;

/** This tab's session. */
export const session = new Session();

/** Core, called as the person who is signed in. A failure is thrown as an `ApiError`. */
export const core: Client<CorePaths> = createClient<CorePaths>({
  baseUrl: `${apiUrl()}/api/core`,
  fetch: authorizedFetch(session),
});

/** The registry, called as the person who is signed in. A failure is thrown as an `ApiError`. */
export const registry: Client<RegistryPaths> = createClient<RegistryPaths>({
  baseUrl: `${apiUrl()}/api/registry`,
  fetch: authorizedFetch(session),
});

/**
 * The one place that adds the token, renews it once when it is refused, and turns failures into errors.
 */
export function authorizedFetch(of: Pick<Session, 'accessToken' | 'renewAfter'>) {
  return async (request: Request): Promise<Response> => {
    if (request.method === 'POST' && !request.headers.has('Idempotency-Key')) {
      // The same key goes with the second attempt, so that nothing is created twice.
      request.headers.set('Idempotency-Key', randomKey());
    }
    const again = request.clone();
    const token = await of.accessToken();
    let response = await send(request, token);
    if (response.status === 401) {
      const renewed = await of.renewAfter(token);
      if (renewed !== null) response = await send(again, renewed);
    }
    if (!response.ok) throw await ApiError.fromResponse(response);
    return response;
  };
}

async function send(request: Request, token: string | null): Promise<Response> {
  if (token !== null) request.headers.set('Authorization', `Bearer ${token}`);
  const signal = AbortSignal.any([request.signal, AbortSignal.timeout(TIME_LIMIT_MS)]);
  try {
    return await globalThis.fetch(request, { signal });
  } catch (cause) {
    // The caller gave up: that is not a failure to report.
    if (request.signal.aborted) throw cause;
    throw ApiError.unreachable(cause);
  }
}

/** `crypto.randomUUID` exists only on https and localhost. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}

/** The body of an answer whose description promises one. */
export function bodyOf<T>(answer: { data?: T }): T {
  if (answer.data === undefined) throw new ApiError(0, { code: 'unexpected' });
  return answer.data;
}
