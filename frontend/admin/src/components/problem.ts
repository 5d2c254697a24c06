import type { TFunction } from 'i18next';
import { asApiError } from '@/api/problem';

/** What a person is told about a failure. */
export interface ProblemInWords {
  /** One sentence: what is the matter and, where it helps, what to do. */
  message: string;
  /** The server's own sentence, for a failure that the console has no words for. */
  detail: string | undefined;
  requestId: string | undefined;
  /** Whether the message is about this very failure and not about its kind. */
  isExact: boolean;
}

type Codes = keyof typeof import('@/i18n/en')['en']['problem']['code'];
const STATUSES = [400, 401, 403, 404, 409, 412, 422, 429, 500, 503] as const;

/** The status that says the same to a person. */
function kindOf(status: number): number {
  // Something on the way could not reach the platform.
  if (status === 502 || status === 504) return 503;
  return status > 500 && status !== 503 ? 500 : status;
}

/** Says a failure in the reader's language: by its code, else by its status. */
export function inWords(error: unknown, t: TFunction): ProblemInWords {
  const problem = asApiError(error);
  const exact = t(`problem.code.${problem.code as Codes}`, { defaultValue: '' });
  if (exact) return { message: exact, detail: undefined, requestId: problem.requestId, isExact: true };
  const status = STATUSES.find((each) => each === kindOf(problem.status)) ?? 400;
  return {
    message: t(`problem.status.s${status}`),
    detail: problem.detail,
    requestId: problem.requestId,
    isExact: false,
  };
}
