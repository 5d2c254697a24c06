import { act, render, screen } from '@testing-library/react';
import { afterEach, beforeAll, expect, it, vi } from 'vitest';
import { startTranslation } from '@/i18n';
import { When } from './When';

beforeAll(() => startTranslation('en'));
afterEach(() => vi.useRealTimers());

it('grows older while it is looked at', () => {
  vi.useFakeTimers();
  render(<When at={new Date().toISOString()} />);
  expect(screen.getByText('just now')).toBeInTheDocument();
  act(() => vi.advanceTimersByTime(150_000));
  expect(screen.getByText('2 minutes ago')).toBeInTheDocument();
});
