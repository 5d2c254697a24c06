import i18next from 'i18next';
import { beforeAll, expect, it } from 'vitest';
import { ApiError } from '@/api/problem';
import { startTranslation } from '@/i18n';
import { inWords } from './problem';

beforeAll(() => startTranslation('en'));
const say = (error: unknown) => inWords(error, i18next.t);

it('has words of its own for codes it knows', () => {
  const error = new ApiError(401, { code: 'invalid_credentials', detail: 'no' }, { requestId: 'r-1' });
  expect(say(error)).toEqual({
    message: 'E-mail address or password is wrong.',
    detail: undefined,
    requestId: 'r-1',
    isExact: true,
  });
});

it('falls back to the status, and adds what the server said', () => {
  expect(say(new ApiError(409, { code: 'something_new', detail: 'Two of a kind.' }))).toMatchObject({
    message: 'This contradicts something that already exists.',
    detail: 'Two of a kind.',
  });
});

it.each([
  [418, 'The request was not understood.'],
  [501, 'Something went wrong inside the platform.'],
  [502, 'The platform is not ready at the moment. Try again shortly.'],
])('has a sentence for status %i, of which it knows nothing', (status, sentence) => {
  expect(say(new ApiError(status)).message).toBe(sentence);
});

it('tells a failure to connect from a defect', () => {
  expect(say(ApiError.unreachable(new TypeError('fetch failed'))).message).toMatch(/cannot be reached/);
  expect(say(new Error('a bug')).message).toMatch(/did not expect/);
});
