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

it('tells spans and sizes in the unit that fits', () => {
  const { current: format } = renderHook(() => useFormat()).result;
  expect([0.4, 90, 3_600, 86_400].map(format.duration)).toEqual(['0.4 sec', '1.5 min', '1 hr', '1 day']);
  expect([12, 4_200, 5e6, 7.3e9].map(format.bytes)).toEqual(['12 byte', '4.2 kB', '5 MB', '7.3 GB']);
});
