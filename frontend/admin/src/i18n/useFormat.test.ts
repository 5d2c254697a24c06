import { renderHook } from '@testing-library/react';
import { beforeAll, expect, it } from 'vitest';
import { startTranslation } from './index';
import { useFormat } from './useFormat';

beforeAll(() => startTranslation('en'));

it('begins the day at 00, not at 24', () => {
  const { current: format } = renderHook(() => useFormat()).result;
  const midnight = new Date(2026, 0, 2, 0, 5, 0);
  expect(format.clock(midnight)).toBe('00:05');
  expect(format.time(midnight)).toBe('00:05:00');
  expect(format.dateTime(midnight)).toBe('Jan 2, 2026, 00:05:00');
});
