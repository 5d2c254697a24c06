/** One field that was refused, as an RFC 6901 pointer into the request's body. */
export interface FieldProblem {
  pointer: string;
  detail: string;
}

/** The body of an `application/problem+json` answer (RFC 9457) with the platform's own members. */
export interface ProblemBody {
  title?: string;
  detail?: string | null;
  status?: number;
  code?: string;
  request_id?: string | null;
  errors?: FieldProblem[] | null;
}

/** Why a call did not succeed: the server said no, or could not be reached (`status` 0). */
export class ApiError extends Error {
  readonly status: number;
  readonly code: string;
  readonly detail: string | undefined;
  readonly requestId: string | undefined;
  readonly fields: readonly FieldProblem[];
  readonly retryAfterSeconds: number | undefined;

  constructor(
    status: number,
    body: ProblemBody = {},
    extra: { requestId?: string | undefined; retryAfterSeconds?: number | undefined; cause?: unknown } = {},
  ) {
    super(body.detail ?? body.title ?? body.code ?? `status ${status}`, { cause: extra.cause });
    this.name = 'ApiError';
    this.status = status;
    this.code = body.code ?? (status === 0 ? 'unreachable' : `status_${status}`);
    this.detail = body.detail ?? body.title ?? undefined;
    this.requestId = body.request_id ?? extra.requestId;
    this.fields = body.errors ?? [];
    this.retryAfterSeconds = extra.retryAfterSeconds;
  }

  /** Whether the same call may succeed in a moment without anybody changing anything. */
  get isTransient(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }

  /** An error for an answer with a failure status, whatever its body turns out to be. */
  static async fromResponse(response: Response): Promise<ApiError> {
    const requestId = response.headers.get('x-request-id') ?? undefined;
    const retryAfter = Number.parseInt(response.headers.get('retry-after') ?? '', 10);
    const retryAfterSeconds = Number.isFinite(retryAfter) ? retryAfter : undefined;
    let body: ProblemBody = {};
    if (/\bjson\b/.test(response.headers.get('content-type') ?? '')) {
      const parsed: unknown = await response.json().catch(() => null);
      if (parsed !== null && typeof parsed === 'object') body = parsed as ProblemBody;
    }
    return new ApiError(response.status, body, { requestId, retryAfterSeconds });
  }

  /** An error for a call that got no answer. */
  static unreachable(cause: unknown): ApiError {
    return new ApiError(0, {}, { cause });
  }
}

/** Whatever was thrown, as an `ApiError`. */
export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(0, { code: 'unexpected' }, { cause: error });
}
