/** The metrics of requests to the API server under client-go's names, labels and buckets. */
import type { Metrics } from '../telemetry/index.ts';

export interface RequestMeters {
  /** The headers of an answer came after `seconds`; `code` is `<error>` when none did. */
  answered(method: string, code: string, seconds: number): void;
  retried(method: string, code: string): void;
  /** Waited for the client's own rate limit. */
  limited(method: string, seconds: number): void;
  /** Size of a request's body, in bytes. */
  sent(method: string, bytes: number): void;
  /** Size of an answer's body, in bytes; a watch has none. */
  received(method: string, bytes: number): void;
}

const SECONDS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];
const BYTES = [64, 256, 512, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216];

/** client-go calls the HTTP method `method` in the count of requests and `verb` everywhere else; so it is here. */
export function createRequestMeters(host: string, metrics: Metrics): RequestMeters {
  const requests = metrics.counter(
    'rest_client_requests_total',
    'Requests to the API server by status code and method.',
    ['code', 'method', 'host'],
  );
  const retries = metrics.counter(
    'rest_client_request_retries_total',
    'Requests to the API server that were sent again.',
    ['code', 'verb', 'host'],
  );
  const histogram = (name: string, help: string, buckets: readonly number[]) => {
    const series = metrics.histogram(`rest_client_${name}`, help, ['verb', 'host'], buckets);
    return (verb: string, value: number) => series.observe(value, { verb, host });
  };
  const duration = histogram(
    'request_duration_seconds',
    'Time until the headers of the answer arrived.',
    SECONDS,
  );
  return {
    answered(method, code, seconds) {
      requests.inc({ code, method, host });
      duration(method, seconds);
    },
    retried: (verb, code) => retries.inc({ code, verb, host }),
    limited: histogram(
      'rate_limiter_duration_seconds',
      'Time a request waited for the rate limit of this client.',
      SECONDS,
    ),
    sent: histogram('request_size_bytes', 'Size of the bodies of requests.', BYTES),
    received: histogram('response_size_bytes', 'Size of the bodies of answers.', BYTES),
  };
}
