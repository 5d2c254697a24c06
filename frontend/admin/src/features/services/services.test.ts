import { describe, expect, it } from 'vitest';
import { healthOf } from './services';

function service(up: number, down: number, draining: number, is_active = true) {
  return { is_active, instances: { up, down, draining } };
}

describe('the health of a service', () => {
  it.each([
    ['up', service(2, 0, 0)],
    ['up', service(1, 0, 1)],
    ['partly', service(1, 1, 0)],
    ['draining', service(0, 0, 2)],
    ['down', service(0, 1, 1)],
    ['idle', service(0, 0, 0)],
    ['out', service(3, 0, 0, false)],
  ])('is %s', (health, of) => {
    expect(healthOf(of)).toBe(health);
  });
});
