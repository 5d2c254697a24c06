import { QueryClientProvider } from '@tanstack/react-query';
import { act, render, screen, waitFor, within } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { ConfigProvider } from 'antd';
import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { createMemoryRouter, RouterProvider } from 'react-router';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { session } from '@/api/client';
import { speak, startTranslation } from '@/i18n';
import { Look } from './App';
import { queries } from './queries';
import { routes } from './router';

const CORE = `${window.location.origin}/api/core`;
const server = setupServer();
beforeAll(async () => {
  server.listen({ onUnhandledRequest: 'error' });
  await startTranslation('en');
});
afterEach(async () => {
  server.use(http.post(`${CORE}/v1/auth/logout`, () => new HttpResponse(null, { status: 204 })));
  await act(() => session.signOut());
  server.resetHandlers();
  queries.clear();
  await act(() => speak('en'));
});
afterAll(() => server.close());

const TENANT = { id: '0199-t', name: 'Northwind', slug: 'northwind', is_suspended: false };
const USER = {
  id: 'u1',
  email: 'mia@example.com',
  name: 'Mia',
  is_operator: false,
  must_change_password: false,
};

interface Person {
  permissions: string[];
  roles: string[];
  restricted: boolean;
}

/** The part of core that lets somebody in, to a tenant that has invited nobody. */
function admit({ permissions, roles, restricted }: Partial<Person> = {}) {
  const answer = (claims: object) => ({
    access_token: `e30.${btoa(JSON.stringify(claims)).replaceAll('=', '')}.x`,
    token_type: 'Bearer',
    expires_in: 900,
    refresh_token: null,
    csrf_token: 'csrf',
    user: USER,
    tenant: TENANT,
  });
  server.use(
    http.post(`${CORE}/v1/auth/login`, async ({ request }) => {
      const { password } = (await request.json()) as { password: string };
      if (password !== 'right') {
        return HttpResponse.json(
          { code: 'invalid_credentials' },
          { status: 401, headers: { 'x-request-id': 'r-7' } },
        );
      }
      return HttpResponse.json(answer({ restricted }));
    }),
    http.post(`${CORE}/v1/me/password`, () => HttpResponse.json(answer({}))),
    http.get(`${CORE}/v1/invitations`, () => HttpResponse.json({ items: [], next_cursor: null })),
    http.get(`${CORE}/v1/me`, () =>
      HttpResponse.json({
        user: USER,
        tenant: TENANT,
        roles: roles ?? ['member'],
        permissions: permissions ?? ['tenant:read', 'member:read'],
        tenants: [{ ...TENANT, role: 'member' }],
      }),
    ),
  );
}

function open(path: string) {
  const router = createMemoryRouter(routes, { initialEntries: [path] });
  render(
    // jsdom never says that a movement has ended.
    <ConfigProvider theme={{ token: { motion: false } }}>
      <Look>
        <QueryClientProvider client={queries}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </Look>
    </ConfigProvider>,
  );
  return router;
}

/** Types faster than any key by key. */
async function fill(field: HTMLElement, text: string) {
  const user = userEvent.setup();
  await user.clear(field);
  await user.click(field);
  await user.paste(text);
}

async function signIn(password = 'right') {
  const user = userEvent.setup();
  await fill(await screen.findByLabelText('E-mail address'), 'mia@example.com');
  await fill(screen.getByLabelText('Password'), password);
  await user.click(screen.getByRole('button', { name: 'Sign in' }));
  return user;
}

beforeEach(async () => {
  await act(() => session.restore());
});

describe('the console', () => {
  it('says in words that the password is wrong, and keeps what was typed', async () => {
    admit();
    open('/sign-in');
    await signIn('wrong');
    const alert = await screen.findByRole('alert');
    expect(alert).toHaveTextContent('E-mail address or password is wrong.');
    expect(alert).toHaveTextContent('r-7');
    expect(screen.getByLabelText('E-mail address')).toHaveValue('mia@example.com');
  });

  it('leads back to where somebody wanted to go', async () => {
    admit();
    server.use(http.get(`${CORE}/v1/sessions`, () => HttpResponse.json({ items: [], next_cursor: null })));
    const router = open('/sessions');
    await waitFor(() => expect(router.state.location.pathname).toBe('/sign-in'));
    await signIn();
    expect(await screen.findByRole('heading', { name: 'My sessions', level: 1 })).toBeInTheDocument();
  });

  it('shows a member neither the platform nor its pages', async () => {
    admit();
    const router = open('/sign-in');
    await signIn();
    const navigation = await screen.findByRole('navigation', { name: 'Main navigation' });
    expect(
      within(navigation)
        .getAllByRole('link')
        .map((link) => link.textContent),
    ).toEqual(['Overview', 'Members', 'My sessions']);
    await act(() => router.navigate('/tenants'));
    expect(await screen.findByText('Not for your role')).toBeInTheDocument();
  });

  it('lets nobody past a password that has to be changed', async () => {
    admit({ restricted: true });
    const router = open('/sign-in');
    const user = await signIn();
    await fill(await screen.findByLabelText('Current password'), 'right');
    expect(router.state.location.pathname).toBe('/password');
    await fill(screen.getByLabelText('New password'), 'a long enough one');
    await fill(screen.getByLabelText('New password again'), 'another one');
    await user.click(screen.getByRole('button', { name: 'Save and go on' }));
    expect(await screen.findByText('The two do not match.')).toBeInTheDocument();
    await fill(screen.getByLabelText('New password again'), 'a long enough one');
    await user.click(screen.getByRole('button', { name: 'Save and go on' }));
    expect(await screen.findByText('Welcome, Mia')).toBeInTheDocument();
  });

  it('goes to the entrance when the session ends, and says so', async () => {
    admit();
    open('/sign-in');
    await signIn();
    await screen.findByText('Welcome, Mia');
    const over = () => HttpResponse.json({ code: 'session_ended' }, { status: 401 });
    server.use(http.get(`${CORE}/v1/sessions`, over), http.post(`${CORE}/v1/auth/refresh`, over));
    await userEvent.click(screen.getByRole('link', { name: 'My sessions' }));
    expect(await screen.findByText('Your session has ended. Please sign in again.')).toBeInTheDocument();
  });

  it('shows a one-time password this once', async () => {
    admit({ roles: ['owner'], permissions: ['member:read', 'member:create'] });
    const member = {
      id: 'm1',
      user_id: 'u2',
      email: 'new@example.com',
      name: 'Noor',
      role: 'member',
      created_at: '2026-01-01T00:00:00Z',
    };
    let members: object[] = [];
    let asked: unknown;
    server.use(
      http.get(`${CORE}/v1/members`, () => HttpResponse.json({ items: members, next_cursor: null })),
      http.post(`${CORE}/v1/members`, async ({ request }) => {
        asked = await request.json();
        members = [member];
        const made = { member, one_time_password: 'kelp-orbit-violin', invitation: null };
        return HttpResponse.json(made, { status: 201 });
      }),
    );
    open('/members');
    const user = await signIn();
    await user.click(await screen.findByRole('button', { name: 'Add member' }));
    const dialog = await screen.findByRole('dialog');
    await fill(within(dialog).getByLabelText('E-mail address'), 'new@example.com');
    await user.click(within(dialog).getByRole('button', { name: 'Add' }));
    expect(await screen.findByText('kelp-orbit-violin')).toBeInTheDocument();
    expect(asked).toEqual({ email: 'new@example.com', role: 'member' });
    await user.click(screen.getByRole('button', { name: 'Done' }));
    await waitFor(() => expect(screen.queryByText('kelp-orbit-violin')).toBeNull());
    expect(await screen.findByText('Noor')).toBeInTheDocument();
  });

  it('shows the code of an invitation this once, and withdraws it', async () => {
    admit({ roles: ['admin'], permissions: ['member:read', 'member:create'] });
    const invitation = {
      id: 'i1',
      email: 'known@example.com',
      role: 'member',
      invited_by: USER.id,
      created_at: '2026-01-01T00:00:00Z',
      expires_at: '2026-01-08T00:00:00Z',
    };
    // Only an owner withdraws that of an owner.
    const ofOwner = { ...invitation, id: 'i0', email: 'boss@example.com', role: 'owner' };
    let invitations = [ofOwner];
    server.use(
      http.get(`${CORE}/v1/members`, () => HttpResponse.json({ items: [], next_cursor: null })),
      http.get(`${CORE}/v1/invitations`, () => HttpResponse.json({ items: invitations, next_cursor: null })),
      http.post(`${CORE}/v1/members`, () => {
        invitations = [ofOwner, invitation];
        const made = { ...invitation, code: 'inv_kelp-orbit-violin' };
        return HttpResponse.json(
          { member: null, one_time_password: null, invitation: made },
          { status: 201 },
        );
      }),
      http.delete(`${CORE}/v1/invitations/i1`, () => {
        invitations = [ofOwner];
        return new HttpResponse(null, { status: 204 });
      }),
    );
    open('/members');
    const user = await signIn();
    await user.click(await screen.findByRole('button', { name: 'Add member' }));
    const dialog = await screen.findByRole('dialog');
    await fill(within(dialog).getByLabelText('E-mail address'), 'known@example.com');
    await user.click(within(dialog).getByRole('button', { name: 'Add' }));
    expect(await screen.findByText('inv_kelp-orbit-violin')).toBeInTheDocument();
    expect(screen.getByText(/under “Join a tenant”/)).toBeInTheDocument();
    await user.click(screen.getByRole('button', { name: 'Done' }));
    await waitFor(() => expect(screen.queryByText('inv_kelp-orbit-violin')).toBeNull());
    const list = await screen.findByRole('region', { name: 'Open invitations' });
    expect(await within(list).findByText('known@example.com')).toBeInTheDocument();
    expect(within(list).getAllByRole('button')).toHaveLength(1);
    await user.click(within(list).getByRole('button', { name: 'Withdraw: known@example.com' }));
    await user.click(within(await screen.findByRole('dialog')).getByRole('button', { name: 'Withdraw' }));
    await waitFor(() => expect(within(list).queryByText('known@example.com')).toBeNull());
    expect(within(list).getByText('boss@example.com')).toBeInTheDocument();
  });

  it('joins a tenant by the code of an invitation', async () => {
    admit();
    const other = { id: '0199-o', name: 'Contoso', slug: 'contoso', is_suspended: false, role: 'admin' };
    server.use(
      http.post(`${CORE}/v1/me/invitations/accept`, async ({ request }) => {
        const { code } = (await request.json()) as { code: string };
        if (code !== 'inv_right') return HttpResponse.json({ code: 'not_found' }, { status: 404 });
        server.use(
          http.get(`${CORE}/v1/me`, () =>
            HttpResponse.json({
              user: USER,
              tenant: TENANT,
              roles: ['member'],
              permissions: ['tenant:read', 'member:read'],
              tenants: [{ ...TENANT, role: 'member' }, other],
            }),
          ),
        );
        return HttpResponse.json(other);
      }),
    );
    open('/sign-in');
    const user = await signIn();
    await user.click(await screen.findByRole('button', { name: 'Account of Mia' }));
    await user.click(await screen.findByRole('menuitem', { name: 'Join a tenant' }));
    const dialog = await screen.findByRole('dialog', { name: 'Join a tenant' });
    await fill(within(dialog).getByLabelText('Invitation code'), 'inv_wrong');
    await user.click(within(dialog).getByRole('button', { name: 'Join' }));
    expect(await within(dialog).findByText(/no open invitation with this code/)).toBeInTheDocument();
    await fill(within(dialog).getByLabelText('Invitation code'), ' inv_right ');
    await user.click(within(dialog).getByRole('button', { name: 'Join' }));
    await waitFor(() => expect(screen.queryByRole('dialog', { name: 'Join a tenant' })).toBeNull());
    await user.click(screen.getByRole('button', { name: 'Account of Mia' }));
    expect(await screen.findByRole('menuitem', { name: 'Contoso' })).toBeInTheDocument();
  });

  it('marks the field that the server refused', async () => {
    admit({ roles: ['owner'], permissions: ['member:read', 'member:create'] });
    server.use(
      http.get(`${CORE}/v1/members`, () => HttpResponse.json({ items: [], next_cursor: null })),
      http.post(`${CORE}/v1/members`, () =>
        HttpResponse.json(
          { code: 'invalid_body', errors: [{ pointer: '/email', detail: 'no such domain' }] },
          { status: 422 },
        ),
      ),
    );
    open('/members');
    const user = await signIn();
    await user.click(await screen.findByRole('button', { name: 'Add member' }));
    const dialog = await screen.findByRole('dialog');
    await fill(within(dialog).getByLabelText('E-mail address'), 'new@example.com');
    await user.click(within(dialog).getByRole('button', { name: 'Add' }));
    expect(await within(dialog).findByText('no such domain')).toBeInTheDocument();
    expect(within(dialog).getByLabelText('E-mail address')).toHaveValue('new@example.com');
  });

  it('changes the language and remembers it', async () => {
    admit();
    open('/sign-in');
    await userEvent.click(await screen.findByRole('button', { name: 'Language: English' }));
    await userEvent.click(await screen.findByText('简体中文'));
    expect(await screen.findByRole('heading', { name: '登录' })).toBeInTheDocument();
    expect(document.documentElement.lang).toBe('zh-CN');
    expect(window.localStorage.getItem('saas.language')).toBe('zh-CN');
  });
});
