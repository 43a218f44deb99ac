/** The schemas of `spec.consensus` and `spec.gossip`: how members agree, and how they notice that one died. */
import { celIsDuration, duration, group } from '../schema.ts';

const electionTimes = `${celIsDuration('self.electionTimeout.min')} && ${celIsDuration('self.electionTimeout.max')} && ${celIsDuration('self.heartbeatInterval')}`;

export const CONSENSUS = group(
  'Timing of Raft among the voters. Raise all of it together between distant zones.',
  {
    heartbeatInterval: duration('How often the leader shows that it lives.', {
      default: '50ms',
      min: '10ms',
      max: '10s',
    }),
    electionTimeout: group('A follower that hears nothing for this long stands for election.', {
      min: duration('Shortest wait.', { default: '200ms', min: '20ms', max: '60s' }),
      max: duration('Longest wait; each wait is drawn at random.', {
        default: '400ms',
        min: '20ms',
        max: '60s',
      }),
    }),
  },
  [
    {
      rule: `!(${electionTimes}) || duration(self.electionTimeout.min) < duration(self.electionTimeout.max)`,
      message: 'electionTimeout.min must be shorter than electionTimeout.max',
      messageExpression: `'electionTimeout.min ' + self.electionTimeout.min + ' must be shorter than electionTimeout.max ' + self.electionTimeout.max`,
      fieldPath: '.electionTimeout',
    },
    {
      rule: `!(${electionTimes}) || duration(self.electionTimeout.min) >= duration(self.heartbeatInterval) + duration(self.heartbeatInterval)`,
      message: 'electionTimeout.min must be at least twice heartbeatInterval',
      messageExpression: `'electionTimeout.min ' + self.electionTimeout.min + ' must be at least twice heartbeatInterval ' + self.heartbeatInterval`,
      fieldPath: '.electionTimeout',
    },
  ],
);

const probeTimes = `${celIsDuration('self.probeInterval')} && ${celIsDuration('self.probeTimeout')} && ${celIsDuration('self.suspicion')}`;

export const GOSSIP = group(
  'How quickly pods notice that one of them died.',
  {
    probeInterval: duration('How often a pod probes another.', {
      default: '200ms',
      min: '20ms',
      max: '60s',
    }),
    probeTimeout: duration('How long it waits for the answer.', {
      default: '100ms',
      min: '10ms',
      max: '60s',
    }),
    suspicion: duration('How long a suspected pod has to refute before it counts as dead.', {
      default: '600ms',
      min: '20ms',
      max: '600s',
    }),
  },
  [
    {
      rule: `!(${probeTimes}) || duration(self.probeTimeout) < duration(self.probeInterval)`,
      message: 'probeTimeout must be shorter than probeInterval',
      messageExpression: `'probeTimeout ' + self.probeTimeout + ' must be shorter than probeInterval ' + self.probeInterval`,
      fieldPath: '.probeTimeout',
    },
    {
      rule: `!(${probeTimes}) || duration(self.suspicion) >= duration(self.probeInterval)`,
      message: 'suspicion must be at least probeInterval',
      messageExpression: `'suspicion ' + self.suspicion + ' must be at least probeInterval ' + self.probeInterval`,
      fieldPath: '.suspicion',
    },
  ],
);
