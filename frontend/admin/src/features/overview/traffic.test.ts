import { describe, expect, it } from 'vitest';
import { ALL, OTHERS, type Traffic, viewOf } from './traffic';

/** A moment at which the grid of ten seconds begins. */
const NOW = Date.parse('2026-01-01T12:00:30Z');

function point(secondsAgo: number, service: string, requests: number, errors = 0, p95_ms: number | null = 5) {
  return {
    at: new Date(NOW - secondsAgo * 1000).toISOString(),
    service,
    requests,
    errors,
    p50_ms: 1,
    p95_ms,
  };
}

function traffic(...points: Traffic['points']): Traffic {
  return { step_seconds: 10, points };
}

describe('the view of the traffic', () => {
  it('is empty, and not zero, without figures', () => {
    const view = viewOf(traffic(), 15, NOW);
    expect(view.isEmpty).toBe(true);
    expect(view.moments).toHaveLength(89);
    expect(view.errorShare.values.every((value) => value === null)).toBe(true);
  });

  it('counts requests per second, and nothing as zero', () => {
    const view = viewOf(traffic(point(40, 'orders', 50), point(20, 'orders', 100)), 1, NOW);
    expect(view.rates).toEqual([{ name: ALL, values: [0, 0, 5, 0, 10] }]);
  });

  it('leaves out what is not complete yet', () => {
    const view = viewOf(traffic(point(0, 'orders', 3), point(10, 'orders', 3)), 1, NOW);
    expect(view.isEmpty).toBe(true);
  });

  it('shows only whole steps, also when they are not where the clock is', () => {
    const view = viewOf(traffic(point(67, 'orders', 9), point(27, 'orders', 10)), 1, NOW + 3000);
    expect(view.moments[0]).toBe(NOW - 50_000);
    expect(view.rates[0]?.values).toEqual([0, 0, 1, 0]);
  });

  it('tells the share of errors, and none where there was no request', () => {
    const view = viewOf(traffic(point(20, 'orders', 8, 2), point(20, 'billing', 2, 0)), 1, NOW);
    expect(view.errorShare.values).toEqual([null, null, null, null, 0.2]);
    expect(view.lastMinute).toEqual({ requestsPerSecond: 10 / 50, errorShare: 0.2 });
  });

  it('adds up what several gateways report of the same moment', () => {
    const view = viewOf(traffic(point(20, 'orders', 10), point(20, 'orders', 30)), 1, NOW);
    expect(view.rates[0]?.values.at(-1)).toBe(4);
  });

  it('puts the busiest services first and the rest together', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const view = viewOf(traffic(...names.map((name, index) => point(20, name, (index + 1) * 10))), 1, NOW);
    expect(view.rates.map(({ name }) => name)).toEqual([ALL, 'f', 'e', 'd', 'c', OTHERS]);
    expect(view.rates.at(-1)?.values.at(-1)).toBe(3);
  });

  it('calls no single service "others"', () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const view = viewOf(traffic(...names.map((name) => point(20, name, 10))), 1, NOW);
    expect(view.rates.map(({ name }) => name)).toEqual([ALL, ...names]);
  });
});
