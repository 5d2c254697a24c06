import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { authorizedFetch } from './client';
import { ApiError } from './problem';
import { Session, type SessionSurroundings } from './session';

const CORE = `${window.location.origin}/api/core`;
const server = setupServer();
beforeAll(() => server.listen({ onUnhandledRequest: 'error' }));
afterEach(() => server.resetHandlers());
afterAll(() => server.close());

function token(claims: object, nonce: number): string {
  return `e30.${btoa(JSON.stringify({ ...claims, nonce })).replaceAll('=', '')}.x`;
}

let issued = 0;
function answer(claims: object = {}) {
  issued += 1;
  return {
    access_token: token(claims, issued),
    token_type: 'Bearer',
    expires_in: 900,
    refresh_token: null,
    csrf_token: `csrf-${issued}`,
    user: { id: 'u1', email: 'a@example.com', name: 'A', is_operator: false, must_change_password: false },
    tenant: null,
  };
}

/** Two tabs share the storage, the channel and the turns, and nothing else. */
function browser() {
  const heard = new Set<(event: MessageEvent) => void>();
  let last: Promise<unknown> = Promise.resolve();
  const clock = { now: 1_000_000 };
  const tab = (): SessionSurroundings => {
    let mine: ((event: MessageEvent) => void) | undefined;
    return {
      storage: window.localStorage,
      now: () => clock.now,
      takeTurn: (work) => {
        const turn = last.then(work, work);
        last = turn.catch(() => undefined);
        return turn;
      },
      channel: {
        postMessage: (data: unknown) => {
          for (const listener of heard) if (listener !== mine) listener({ data } as MessageEvent);
        },
        addEventListener: ((_: string, listener: (event: MessageEvent) => void) => {
          mine = listener;
          heard.add(listener);
        }) as BroadcastChannel['addEventListener'],
      },
    };
  };
  return { tab, clock };
}

const credentials = { email: 'a@example.com', password: 'a good long password' };

/** A server that, like the real one, takes each refresh once and only with the CSRF token that goes with it. */
function strictServer() {
  const seen = { refreshes: 0, concurrent: 0, most: 0, sessionHeader: [] as (string | null)[] };
  let csrf: string | null = null;
  const give = (claims?: object) => {
    const body = answer(claims);
    csrf = body.csrf_token;
    return HttpResponse.json(body);
  };
  server.use(
    http.post(`${CORE}/v1/auth/login`, ({ request }) => {
      seen.sessionHeader.push(request.headers.get('X-Saas-Session'));
      return give();
    }),
    http.post(`${CORE}/v1/auth/refresh`, async ({ request }) => {
      seen.refreshes += 1;
      seen.concurrent += 1;
      seen.most = Math.max(seen.most, seen.concurrent);
      await Promise.resolve();
      const fits = request.headers.get('X-CSRF-Token') === csrf;
      seen.concurrent -= 1;
      if (!fits) return HttpResponse.json({ code: 'session_ended' }, { status: 401 });
      return give();
    }),
    http.post(`${CORE}/v1/auth/logout`, () => new HttpResponse(null, { status: 204 })),
  );
  return { seen, revoke: () => (csrf = null) };
}

beforeEach(() => {
  issued = 0;
});

describe('a session', () => {
  it('asks for the cookie and keeps the access token out of every store', async () => {
    const { seen } = strictServer();
    const session = new Session(browser().tab());
    await session.signIn(credentials);
    const state = session.snapshot();
    expect(state.status).toBe('signed-in');
    expect(seen.sessionHeader).toEqual(['cookie']);
    const accessToken = await session.accessToken();
    expect(Object.values(window.localStorage).join()).not.toContain(accessToken);
    expect(Object.values(window.sessionStorage).join()).toBe('');
  });

  it('is taken up again after a reload', async () => {
    strictServer();
    const { tab } = browser();
    await new Session(tab()).signIn(credentials);
    const reloaded = new Session(tab());
    await reloaded.restore();
    expect(reloaded.snapshot().status).toBe('signed-in');
  });

  it('is not asked for where nobody was signed in', async () => {
    const { seen } = strictServer();
    const session = new Session(browser().tab());
    await session.restore();
    expect(session.snapshot()).toEqual({ status: 'signed-out', because: 'never-in' });
    expect(seen.refreshes).toBe(0);
  });

  it('is kept while the platform is away', async () => {
    strictServer();
    const { tab } = browser();
    await new Session(tab()).signIn(credentials);
    server.use(http.post(`${CORE}/v1/auth/refresh`, () => HttpResponse.json({}, { status: 503 })));
    const reloaded = new Session(tab());
    await reloaded.restore();
    expect(reloaded.snapshot().status).toBe('unreachable');
    strictServer();
    server.use(http.post(`${CORE}/v1/auth/refresh`, () => HttpResponse.json(answer())));
    await reloaded.restore();
    expect(reloaded.snapshot().status).toBe('signed-in');
  });

  it('renews a token before it runs out, once for all who wait', async () => {
    const { seen } = strictServer();
    const { tab, clock } = browser();
    const session = new Session(tab());
    await session.signIn(credentials);
    clock.now += 880_000;
    const tokens = await Promise.all([session.accessToken(), session.accessToken(), session.accessToken()]);
    expect(new Set(tokens).size).toBe(1);
    expect(seen.refreshes).toBe(1);
  });

  it('lets tabs renew one after the other, each with what the last one left', async () => {
    const { seen } = strictServer();
    const { tab, clock } = browser();
    const first = new Session(tab());
    await first.signIn(credentials);
    const second = new Session(tab());
    await second.restore();
    seen.refreshes = 0;
    clock.now += 899_000;
    await Promise.all([first.accessToken(), second.accessToken()]);
    expect(seen).toMatchObject({ refreshes: 2, most: 1 });
    expect(first.snapshot().status).toBe('signed-in');
    expect(second.snapshot().status).toBe('signed-in');
  });

  it('ends in every tab when one signs out', async () => {
    strictServer();
    const { tab } = browser();
    const first = new Session(tab());
    await first.signIn(credentials);
    const second = new Session(tab());
    await second.restore();
    await first.signOut();
    expect(second.snapshot()).toEqual({ status: 'signed-out', because: 'left' });
    expect(window.localStorage.getItem('saas.csrf')).toBeNull();
  });

  it('renews the access token before it changes the password', async () => {
    const { seen } = strictServer();
    const { tab, clock } = browser();
    const session = new Session(tab());
    await session.signIn(credentials);
    clock.now += 3_600_000;
    server.use(http.post(`${CORE}/v1/me/password`, () => HttpResponse.json(answer())));
    await session.changePassword('old', 'new and long enough');
    expect(seen.refreshes).toBe(1);
  });

  it('knows a token that opens nothing but the change of the password', async () => {
    strictServer();
    server.use(http.post(`${CORE}/v1/auth/login`, () => HttpResponse.json(answer({ restricted: true }))));
    const session = new Session(browser().tab());
    await session.signIn(credentials);
    expect(session.snapshot()).toMatchObject({ status: 'signed-in', restricted: true });
    server.use(http.post(`${CORE}/v1/me/password`, () => HttpResponse.json(answer())));
    await session.changePassword('old', 'new and long enough');
    expect(session.snapshot()).toMatchObject({ status: 'signed-in', restricted: false });
  });
});

describe('a call', () => {
  const url = `${CORE}/v1/things`;

  async function signedIn() {
    const controls = strictServer();
    const session = new Session(browser().tab());
    await session.signIn(credentials);
    return { ...controls, session, call: authorizedFetch(session) };
  }

  it('whose token is refused is made again with a new one, under the same idempotency key', async () => {
    const { session, call } = await signedIn();
    const stale = await session.accessToken();
    const keys: (string | null)[] = [];
    const bodies: unknown[] = [];
    server.use(
      http.post(url, async ({ request }) => {
        keys.push(request.headers.get('Idempotency-Key'));
        bodies.push(await request.json());
        if (request.headers.get('Authorization') === `Bearer ${stale}`) {
          return HttpResponse.json({ code: 'token_stale' }, { status: 401 });
        }
        return HttpResponse.json({ fine: true }, { status: 201 });
      }),
    );
    const response = await call(new Request(url, { method: 'POST', body: '{"name":"x"}' }));
    expect(response.status).toBe(201);
    expect(bodies).toEqual([{ name: 'x' }, { name: 'x' }]);
    expect(keys[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(keys[1]).toBe(keys[0]);
  });

  it('signs out when the session is over', async () => {
    const { session, call, revoke } = await signedIn();
    revoke();
    server.use(http.get(url, () => HttpResponse.json({ code: 'token_revoked' }, { status: 401 })));
    await expect(call(new Request(url))).rejects.toMatchObject({ status: 401, code: 'token_revoked' });
    expect(session.snapshot()).toEqual({ status: 'signed-out', because: 'expired' });
  });

  it('that was refused tells why, field by field, with the request number', async () => {
    const { call } = await signedIn();
    server.use(
      http.post(url, () =>
        HttpResponse.json(
          { code: 'invalid_body', title: 'Invalid', errors: [{ pointer: '/name', detail: 'too long' }] },
          {
            status: 422,
            headers: {
              'content-type': 'application/problem+json',
              'x-request-id': 'r-1',
              'retry-after': '7',
            },
          },
        ),
      ),
    );
    const error = await call(new Request(url, { method: 'POST', body: '{}' })).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({
      status: 422,
      code: 'invalid_body',
      requestId: 'r-1',
      retryAfterSeconds: 7,
      fields: [{ pointer: '/name', detail: 'too long' }],
    });
  });

  it.each([
    ['no JSON at all', () => new HttpResponse('<h1>Bad gateway</h1>', { status: 502 }), 502],
    [
      'broken JSON',
      () => new HttpResponse('{', { status: 500, headers: { 'content-type': 'application/json' } }),
      500,
    ],
    ['a JSON null', () => HttpResponse.json(null, { status: 400 }), 400],
  ])('answered with %s is an error like any other', async (_, give, status) => {
    const { call } = await signedIn();
    server.use(http.get(url, give));
    await expect(call(new Request(url))).rejects.toMatchObject({ status, code: `status_${status}` });
  });

  it('without an answer is an error that may pass', async () => {
    const { call } = await signedIn();
    server.use(http.get(url, () => HttpResponse.error()));
    await expect(call(new Request(url))).rejects.toMatchObject({ code: 'unreachable', isTransient: true });
  });
});
