import { afterEach, describe, expect, it } from 'vitest';
import { apiUrl, offersSignUp } from './config';

afterEach(() => {
  delete window.__SAAS_CONFIG__;
});

describe('what the container says in /config.js', () => {
  it('is where the API is', () => {
    window.__SAAS_CONFIG__ = { apiUrl: 'https://api.example.com' };
    expect(apiUrl()).toBe('https://api.example.com');
  });

  it('may end in a slash or have a path', () => {
    window.__SAAS_CONFIG__ = { apiUrl: ' https://example.com/platform// ' };
    expect(apiUrl()).toBe('https://example.com/platform');
  });

  it('is where the console itself is when nothing is said', () => {
    for (const config of [undefined, {}, { apiUrl: '' }, { apiUrl: ' ' }]) {
      window.__SAAS_CONFIG__ = config;
      expect(apiUrl()).toBe(window.location.origin);
    }
  });

  it('tells whether accounts can be opened', () => {
    window.__SAAS_CONFIG__ = { signup: 'closed' };
    expect(offersSignUp()).toBe(false);
    window.__SAAS_CONFIG__ = { signup: 'open' };
    expect(offersSignUp()).toBe(true);
  });
});
