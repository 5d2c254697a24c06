import createClient, { type Client } from 'openapi-fetch';
import { apiUrl } from './config';
import type { components, paths } from './core.gen';
import { ApiError } from './problem';

export type TokenAnswer = components['schemas']['TokenAnswer'];
export type Credentials = Pick<components['schemas']['LoginRequest'], 'email' | 'password'>;

/** Where this tab stands. The access token is here and nowhere else: in memory. */
export type SessionState =
  | { status: 'restoring' }
  | { status: 'unreachable' }
  | { status: 'signed-out'; because: 'never-in' | 'left' | 'expired' }
  | {
      status: 'signed-in';
      accessToken: string;
      /** Milliseconds since the epoch. */
      expiresAt: number;
      userId: string;
      tenantId: string | null;
      /** The password must be changed before anything else. */
      restricted: boolean;
    };

/** What the session needs of the browser; tests hand in their own. */
export interface SessionSurroundings {
  storage: Storage;
  /** Runs the work while no other tab of this browser runs such work. */
  takeTurn: <T>(work: () => Promise<T>) => Promise<T>;
  /** Milliseconds since the epoch. */
  now: () => number;
  /** Tells the other tabs, and hears from them. */
  channel: Pick<BroadcastChannel, 'postMessage' | 'addEventListener'> | null;
}

type Announcement = 'left' | 'changed';

const CSRF_KEY = 'saas.csrf';
/** A token with less life than this is renewed before it is used. */
const RENEW_BEFORE_MS = 30_000;

/**
 * One person's session in this tab. The refresh token is an HttpOnly cookie that all tabs share and that
 * works once, so tabs take turns; the CSRF token that goes with it is kept where all tabs find it.
 */
export class Session {
  #state: SessionState = { status: 'restoring' };
  #listeners = new Set<() => void>();
  #renewal: Promise<string | null> | null = null;
  #surroundings: SessionSurroundings;
  #core: Client<paths> | undefined;

  constructor(surroundings: SessionSurroundings = browserSurroundings()) {
    this.#surroundings = surroundings;
    surroundings.channel?.addEventListener('message', (event) => {
      this.#heard((event as MessageEvent<Announcement>).data);
    });
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly snapshot = (): SessionState => this.#state;

  /** Takes the session up again after the page was loaded, if this browser had one. */
  async restore(): Promise<void> {
    if (this.#surroundings.storage.getItem(CSRF_KEY) === null) {
      this.#become({ status: 'signed-out', because: 'never-in' });
      return;
    }
    await this.#renew().catch(() => this.#become({ status: 'unreachable' }));
  }

  async signIn(credentials: Credentials): Promise<void> {
    await this.#surroundings.takeTurn(async () => {
      const { data } = await this.#calls().POST('/v1/auth/login', {
        params: { header: { 'X-Saas-Session': 'cookie' } },
        body: credentials,
      });
      this.#accept(data);
    });
    this.#announce('changed');
  }

  async changePassword(current: string, next: string): Promise<void> {
    await this.accessToken();
    await this.#surroundings.takeTurn(async () => {
      const { data } = await this.#calls().POST('/v1/me/password', {
        params: { header: { 'X-Saas-Session': 'cookie' } },
        headers: { ...this.#csrf(), ...this.#bearer() },
        body: { current_password: current, new_password: next },
      });
      this.#accept(data);
    });
    this.#announce('changed');
  }

  /** Goes on in another tenant; every tab follows, because they share the session. */
  async switchTenant(tenantId: string): Promise<void> {
    await this.accessToken();
    await this.#surroundings.takeTurn(async () => {
      const { data } = await this.#calls().POST('/v1/auth/switch-tenant', {
        params: { header: { 'X-Saas-Session': 'cookie' } },
        headers: { ...this.#csrf(), ...this.#bearer() },
        body: { tenant_id: tenantId },
      });
      this.#accept(data);
    });
    this.#announce('changed');
  }

  /** Ends the session at the server; if it cannot be reached the tab forgets it all the same, and says so. */
  async signOut(): Promise<void> {
    try {
      await this.#surroundings.takeTurn(async () => {
        await this.#calls().POST('/v1/auth/logout', {
          params: { header: { 'X-Saas-Session': 'cookie' } },
          headers: { ...this.#csrf(), ...this.#bearer() },
        });
      });
    } catch (error) {
      // 401: it had ended already, which is what was asked for.
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
    } finally {
      this.#forget('left');
      this.#announce('left');
    }
  }

  /** A token that will live a while yet, or null when nobody is signed in. */
  async accessToken(): Promise<string | null> {
    const state = this.#state;
    if (state.status !== 'signed-in') return null;
    if (state.expiresAt - this.#surroundings.now() > RENEW_BEFORE_MS) return state.accessToken;
    return this.#renew();
  }

  /** After the server refused `refused`: a newer token, or null if the session is over. */
  async renewAfter(refused: string | null): Promise<string | null> {
    const state = this.#state;
    if (state.status !== 'signed-in') return null;
    return state.accessToken === refused ? this.#renew() : state.accessToken;
  }

  #renew(): Promise<string | null> {
    this.#renewal ??= this.#surroundings
      .takeTurn(() => this.#refresh())
      .finally(() => {
        this.#renewal = null;
      });
    return this.#renewal;
  }

  async #refresh(): Promise<string | null> {
    try {
      const { data } = await this.#calls().POST('/v1/auth/refresh', {
        params: { header: { 'X-Saas-Session': 'cookie' } },
        headers: this.#csrf(),
        body: {},
      });
      return this.#accept(data);
    } catch (error) {
      if (error instanceof ApiError && [400, 401, 403].includes(error.status)) {
        this.#forget('expired');
        return null;
      }
      throw error;
    }
  }

  #accept(answer: TokenAnswer | undefined): string {
    if (answer === undefined) throw new ApiError(0, { code: 'unexpected' });
    if (answer.csrf_token) this.#surroundings.storage.setItem(CSRF_KEY, answer.csrf_token);
    this.#become({
      status: 'signed-in',
      accessToken: answer.access_token,
      expiresAt: this.#surroundings.now() + answer.expires_in * 1000,
      userId: answer.user.id,
      tenantId: answer.tenant?.id ?? null,
      restricted: isRestricted(answer.access_token),
    });
    return answer.access_token;
  }

  #forget(because: 'left' | 'expired'): void {
    this.#surroundings.storage.removeItem(CSRF_KEY);
    this.#become({ status: 'signed-out', because });
  }

  #become(state: SessionState): void {
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }

  #announce(what: Announcement): void {
    this.#surroundings.channel?.postMessage(what);
  }

  #heard(what: Announcement): void {
    if (what === 'left') this.#become({ status: 'signed-out', because: 'left' });
    // Another person, another tenant or fewer rights: ask rather than guess.
    if (what === 'changed') this.#renew().catch(() => undefined);
  }

  #csrf(): Record<string, string> {
    const token = this.#surroundings.storage.getItem(CSRF_KEY);
    return token === null ? {} : { 'X-CSRF-Token': token };
  }

  #bearer(): Record<string, string> {
    return this.#state.status === 'signed-in' ? { Authorization: `Bearer ${this.#state.accessToken}` } : {};
  }

  #calls(): Client<paths> {
    this.#core ??= createClient<paths>({
      baseUrl: `${apiUrl()}/api/core`,
      credentials: 'include',
      fetch: async (request) => {
        const response = await globalThis.fetch(request).catch((cause: unknown) => {
          throw ApiError.unreachable(cause);
        });
        if (!response.ok) throw await ApiError.fromResponse(response);
        return response;
      },
    });
    return this.#core;
  }
}

/** Whether the token opens nothing but the change of the password. Not a check: the server makes that. */
function isRestricted(accessToken: string): boolean {
  try {
    const payload = accessToken.split('.')[1] ?? '';
    const text = atob(payload.replaceAll('-', '+').replaceAll('_', '/'));
    return (JSON.parse(text) as { restricted?: boolean }).restricted === true;
  } catch {
    return false;
  }
}

function browserSurroundings(): SessionSurroundings {
  let last: Promise<unknown> = Promise.resolve();
  // Web Locks exist only on https and localhost; elsewhere at least this tab's own calls queue up.
  const queue = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = last.then(work, work);
    last = turn.catch(() => undefined);
    return turn;
  };
  const locks: LockManager | undefined = navigator.locks;
  return {
    storage: window.localStorage,
    takeTurn: locks
      ? async <T>(work: () => Promise<T>) => (await locks.request('saas.session', work)) as T
      : queue,
    now: () => Date.now(),
    channel: 'BroadcastChannel' in window ? new BroadcastChannel('saas.session') : null,
  };
}
