import { expect, it } from 'vitest';
import { destinationOf } from './destination';

it.each([
  ['/tenants?q=a', '/tenants?q=a'],
  ['/', '/'],
  [null, '/'],
  ['https://evil.example', '/'],
  ['//evil.example', '/'],
  ['/\\evil.example', '/'],
  ['javascript:alert(1)', '/'],
  ['/sign-in?to=/sign-in', '/'],
])('%s leads to %s', (wanted, to) => {
  expect(destinationOf(wanted)).toBe(to);
});
