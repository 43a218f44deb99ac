/** The schema of `spec.sessions`. */
import { duration, group, integer } from '../schema.ts';

export const SESSIONS = group('Sessions of clients.', {
  idleTimeout: duration('A session without a request for this long is closed.', {
    default: '8h',
    min: '1s',
    max: '720h',
  }),
  max: integer('Sessions of the whole cluster at most.', {
    default: 10_000,
    minimum: 1,
    maximum: 1_000_000,
  }),
  resume: group('What is kept of each stream so that a client can resume it.', {
    events: integer('Events at most.', { default: 256, minimum: 1, maximum: 65_536 }),
    bytes: integer('Bytes at most.', { default: 1_048_576, minimum: 1024, maximum: 67_108_864 }),
    replicas: integer(
      'Other pods that keep a copy, so that it outlives the pod. Events of over 1 Mi characters are not copied.',
      {
        default: 1,
        minimum: 0,
        maximum: 2,
      },
    ),
  }),
});
