import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import { App, ConfigProvider } from 'antd';
import { HttpResponse, http } from 'msw';
import { setupServer } from 'msw/node';
import { MemoryRouter } from 'react-router';
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startTranslation } from '@/i18n';
import { InstanceList } from './InstanceList';

vi.mock('@/app/access', () => ({ useAccess: () => ({ can: () => true }) }));

const INSTANCES = `${window.location.origin}/api/registry/v1/services/orders/instances`;
const server = setupServer();
const asked: string[] = [];
beforeAll(async () => {
  server.listen({ onUnhandledRequest: 'error' });
  await startTranslation('en');
});
afterEach(() => {
  server.resetHandlers();
  asked.length = 0;
});
afterAll(() => server.close());

/** The list of one instance, which is up or draining as it was last asked to be. */
function open(first: 'up' | 'draining', drained: object) {
  let status = first;
  server.use(
    http.get(INSTANCES, () =>
      HttpResponse.json({
        items: [
          {
            id: 'a',
            service: 'orders',
            address: '127.0.0.1',
            port: 9,
            scheme: 'http',
            version: null,
            zone: null,
            weight: 100,
            tags: [],
            metadata: {},
            status,
            check: null,
            check_passing: null,
            lease_seconds: 15,
            registered_at: '2026-01-01T00:00:00Z',
            updated_at: '2026-01-01T00:00:00Z',
          },
        ],
        next_cursor: null,
      }),
    ),
    http.post(`${INSTANCES}/a/drain`, () => {
      asked.push('drain');
      status = 'draining';
      return HttpResponse.json(drained);
    }),
    http.delete(`${INSTANCES}/a/drain`, () => {
      asked.push('undrain');
      status = 'up';
      return new HttpResponse(null, { status: 204 });
    }),
  );
  render(
    // jsdom never says that a movement has ended.
    <ConfigProvider theme={{ token: { motion: false } }}>
      <App>
        <QueryClientProvider client={new QueryClient()}>
          <MemoryRouter>
            <InstanceList service="orders" />
          </MemoryRouter>
        </QueryClientProvider>
      </App>
    </ConfigProvider>,
  );
}

it('puts a draining instance back, and offers to drain it again', async () => {
  open('draining', {});
  await userEvent.click(await screen.findByRole('button', { name: 'Put back: a' }));
  expect(await screen.findByText('a is back in service.')).toBeInTheDocument();
  expect(asked).toEqual(['undrain']);
  expect(await screen.findByRole('button', { name: 'Drain: a' })).toBeInTheDocument();
  expect(screen.queryByRole('button', { name: 'Put back: a' })).toBeNull();
});

it('says that an instance was put back while its drain was waited for', async () => {
  open('up', { drained: false, waiting_for: [], unknown: [] });
  await userEvent.click(await screen.findByRole('button', { name: 'Drain: a' }));
  await userEvent.click(await screen.findByRole('button', { name: 'Drain' }));
  expect(await screen.findByText('a was put back before it was drained.')).toBeInTheDocument();
  expect(asked).toEqual(['drain']);
});
