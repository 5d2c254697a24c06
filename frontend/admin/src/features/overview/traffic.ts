import type { CoreSchemas } from '@/api/client';

export type Traffic = CoreSchemas['Traffic'];

/** One line of a chart: a value for each moment; null where there is nothing to say. */
export interface Line {
  name: string;
  values: (number | null)[];
}

/** The gateways' figures, put on an even grid of time for drawing. */
export interface TrafficView {
  /** Beginnings of the windows, in milliseconds since the epoch, oldest first. */
  moments: number[];
  /** Requests per second: all of them first, then the busiest services. */
  rates: Line[];
  /** Errors among requests, 0 to 1. */
  errorShare: Line;
  /** The 95th percentile of the busiest services, in milliseconds. */
  slow: Line[];
  /** The busiest services first. */
  byService: { service: string; requests: number; errors: number }[];
  /** The newest complete minute, or step if steps are longer. */
  lastMinute: { requestsPerSecond: number; errorShare: number };
  isEmpty: boolean;
}

/** How many services get a line of their own. */
export const LINES_MAX = 4;
/** The name of the line of all services. */
export const ALL = '*';
/** The name of the line of those without a line of their own. */
export const OTHERS = '…';
/** Gateways report every ten seconds: only so long after its end is a step complete. */
const SETTLING_MS = 10_000;

export function viewOf(traffic: Traffic, minutes: number, now: number): TrafficView {
  const step = traffic.step_seconds * 1000;
  // Only whole steps: half of one, at either end, would look like a fall.
  const begin = Math.ceil((now - minutes * 60_000) / step) * step;
  const end = Math.floor((now - SETTLING_MS) / step) * step;
  const count = Math.max(1, (end - begin) / step);
  const moments = Array.from({ length: count }, (_, index) => begin + index * step);

  const rows = new Map<string, Row>();
  for (const point of traffic.points) {
    const at = Math.floor((Date.parse(point.at) - begin) / step);
    if (at < 0 || at >= count) continue;
    let row = rows.get(point.service);
    if (row === undefined) {
      row = emptyRow(count);
      rows.set(point.service, row);
    }
    row.requests[at] = (row.requests[at] ?? 0) + point.requests;
    row.errors[at] = (row.errors[at] ?? 0) + point.errors;
    row.p95[at] = point.p95_ms ?? null;
  }

  const byService = [...rows]
    .map(([service, row]) => ({ service, requests: sum(row.requests), errors: sum(row.errors) }))
    .sort((a, b) => b.requests - a.requests || a.service.localeCompare(b.service));
  // Nobody gains from a line "others" that hides a single service.
  const shown = byService.length <= LINES_MAX + 1 ? byService.length : LINES_MAX;
  const busiest = byService.slice(0, shown).map(({ service }) => service);
  const rest = byService.slice(shown).map(({ service }) => service);

  const total = (of: 'requests' | 'errors', services: Iterable<string> = rows.keys()) => {
    const sums = new Array<number>(count).fill(0);
    for (const service of services) {
      rows.get(service)?.[of].forEach((value, at) => {
        sums[at] = (sums[at] ?? 0) + value;
      });
    }
    return sums;
  };
  const perSecond = (requests: number[]) => requests.map((value) => value / traffic.step_seconds);

  const requests = total('requests');
  const errors = total('errors');
  const rates: Line[] = [{ name: ALL, values: perSecond(requests) }];
  if (byService.length > 1) {
    for (const service of busiest)
      rates.push({ name: service, values: perSecond(total('requests', [service])) });
    if (rest.length > 0) rates.push({ name: OTHERS, values: perSecond(total('requests', rest)) });
  }

  const newest = -Math.max(1, Math.round(60_000 / step));
  const newestRequests = requests.slice(newest);
  const all = sum(newestRequests);
  return {
    moments,
    rates,
    errorShare: {
      name: ALL,
      values: requests.map((here, at) => (here === 0 ? null : (errors[at] ?? 0) / here)),
    },
    slow: busiest.map((service) => ({ name: service, values: rows.get(service)?.p95 ?? [] })),
    byService,
    lastMinute: {
      requestsPerSecond: all / (newestRequests.length * traffic.step_seconds),
      errorShare: all === 0 ? 0 : sum(errors.slice(newest)) / all,
    },
    isEmpty: byService.length === 0,
  };
}

interface Row {
  requests: number[];
  errors: number[];
  p95: (number | null)[];
}

function emptyRow(count: number): Row {
  return {
    requests: new Array<number>(count).fill(0),
    errors: new Array<number>(count).fill(0),
    p95: new Array<number | null>(count).fill(null),
  };
}

function sum(values: number[]): number {
  return values.reduce((all, value) => all + value, 0);
}
