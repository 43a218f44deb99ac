/** What `rpc` and `raft` guarantee. */
import type { Requirement } from './requirement.ts';

export const raft = {
  'rpc.roles': {
    sentence:
      'A method answers the roles it is for: members each other, operator and administrators the administration, backups the export and import',
    source: 'feature bar 6',
  },
  'rpc.sender-is-the-certificate': {
    sentence:
      "No member speaks in another one's name: Raft and gossip compare the sender with the certificate of the connection",
    source: 'feature bar 6',
  },
  'rpc.members-only': {
    sentence:
      'Only a peer with a certificate of our authority and our cluster id can call, and only such a server is called',
    source: 'design',
  },
  'rpc.refused-is-told-at-once': {
    sentence:
      'A broken connection and a refused one are reported at once, and the address is asked for again',
    source: 'design',
  },
  'rpc.plain-http-on-the-same-port': {
    sentence: 'The cluster port answers plain HTTP only where a handler for it is given',
    source: 'design',
  },
  'rpc.stalled-peer-is-bounded': {
    sentence: 'A peer that stops reading costs a bounded amount of memory',
    source: 'design',
  },
  'rpc.dead-peer-is-noticed': {
    sentence: 'A peer that vanished without closing its connection is noticed by keep-alive',
    source: 'design',
  },
  'raft.reads-are-linearizable': {
    sentence:
      'After a read barrier on any member, it has applied all that was acknowledged anywhere before',
    source: 'Raft thesis 6.4',
  },
  'raft.failover-without-waiting-for-the-timeout': {
    sentence:
      'When the leader dies, its broken connections start an election at once, before the time-out',
    source: 'design',
  },
  'raft.restart-loses-nothing': {
    sentence: 'A full restart loses nothing that was acknowledged',
    source: 'Raft paper 5.4.3',
  },
  'raft.divergent-state-is-fenced': {
    sentence:
      'A member whose state differs from that of a majority is told, and neither reads nor leads',
    source: 'design; etcd 3.5 data inconsistency',
  },
  'raft.snapshot-replaces-log': {
    sentence:
      'The log is cut after so many entries or bytes; a member that lags further behind gets the state, and a restart finds everything.',
    source: 'Raft paper §7',
  },
  'raft.membership-changes': {
    sentence:
      'Members join as learners, become voters when they have the log, and are replaced in one step; a leader can remove itself.',
    source: 'Raft paper §6; thesis §4.2',
  },
  'raft.transfer-leadership': {
    sentence: 'Leadership is handed over on request, and by a leader that stops.',
    source: 'thesis §3.10',
  },
  'raft.wiped-member-is-refused': {
    sentence:
      'A member that lost its disk is refused under its old id until it was removed and added anew.',
    source: 'thesis §11.7.2 (disk loss); etcd member ids',
  },
  'raft.vote-is-durable-first': {
    sentence: 'Term and vote are written together and flushed before a vote is granted',
    source: 'Raft paper 5.2',
  },
  'raft.one-vote-per-term': {
    sentence:
      'A member votes for at most one candidate in a term, whatever role it plays meanwhile',
    source: 'Raft paper 5.2',
  },
  'raft.pre-vote-disturbs-nobody': {
    sentence: 'A member that was cut off returns without raising the term of a healthy group',
    source: 'Raft thesis 9.6',
  },
  'raft.leader-without-majority-steps-down': {
    sentence: 'A leader that hears from no majority stops leading',
    source: 'Raft thesis 6.2',
  },
  'raft.broken-link-is-a-hint': {
    sentence:
      'A broken connection to the leader allows an election at once, a false alarm deposes nobody',
    source: 'design',
  },
  'raft.leader-repairs-every-log': {
    sentence: 'A leader brings every kind of diverged log in line with its own (figure 7)',
    source: 'Raft paper 5.3',
  },
  'raft.commit-counts-own-term-only': {
    sentence: 'An entry of an older term commits only under one of the own term (figure 8)',
    source: 'Raft paper 5.4.2',
  },
  'raft.commit-only-what-was-verified': {
    sentence: 'A follower commits no entry that its leader has not verified',
    source: 'Raft paper 5.3',
  },
  'raft.late-message-truncates-nothing': {
    sentence: 'A late or repeated message never removes entries that do not conflict',
    source: 'Raft paper 5.3',
  },
  'raft.no-ack-before-the-flush': {
    sentence: 'A follower acknowledges and applies entries only after they are on its disk',
    source: 'Raft thesis 10.2.1',
  },
  'raft.memory-is-bounded': {
    sentence: 'What is uncommitted and under way is bounded; proposers are told to wait',
    source: 'design',
  },
  'raft.read-waits-for-own-term': {
    sentence: 'A new leader answers reads only after an entry of its own term is committed',
    source: 'Raft thesis 6.4',
  },
  'raft.old-acks-confirm-no-new-read': {
    sentence: 'Answers to earlier heartbeats never confirm a later read',
    source: 'Raft thesis 6.4',
  },
  'raft.late-refusal': {
    sentence:
      'A refusal that was meant for the process before it makes no process send again what may be in the log',
    source: 'simulation, seed 22844',
  },
  'raft.simulation-holds': {
    sentence:
      'Under crashes, partitions, loss and stalls no invariant of Raft breaks, and healing brings progress',
    source: 'Raft paper figure 3',
  },
  'raft.mutants-are-caught': {
    sentence:
      'Each real bug of other implementations that ours could have is found by the tests when it is put back',
    source: 'design',
  },
  'raft.traces-fit-the-specification': {
    sentence:
      'Every step of a run is one that the TLA+ specification of etcd allows, and keeps its invariants',
    source: 'go.etcd.io/raft/v3 tla/Traceetcdraft.tla',
  },
  'raft.torn-tail-is-repaired': {
    sentence: 'A crash in the middle of a write costs only what was never acknowledged',
    source: 'design',
  },
  'raft.damaged-log-is-refused': {
    sentence: 'A log that is damaged before its end is refused with a reason, never guessed at',
    source: 'design',
  },
  'raft.one-process-per-folder': {
    sentence: 'Two processes cannot use one data folder',
    source: 'design',
  },
  'raft.foreign-writes': {
    sentence:
      'A log that another process writes to, where no lock kept that one out, stops within a second and names the fact',
    source: 'design',
  },
  'raft.rolled-back-disk': {
    sentence:
      'A member whose disk lacks what it acknowledged stops, says so, and is to come back as another one',
    source: 'raft dissertation §3.8: persisted state; design',
  },
  'raft.failed-flush-stops': {
    sentence: 'After a failed flush nothing more is written or acknowledged',
    source: 'design',
  },
  'raft.segments-are-used-again': {
    sentence:
      'What a snapshot replaces makes room: segments are used again, and nothing a snapshot does not hold is given up',
    source: 'design',
  },
  'raft.snapshot-install-replaces-the-log': {
    sentence: 'After a received snapshot nothing of the log before it comes back',
    source: 'Raft paper 7',
  },
  'raft.snapshot-transfer-resumes': {
    sentence: 'A snapshot whose transfer broke goes on where it ended, also after a restart',
    source: 'design',
  },
  'raft.snapshot-with-wrong-hash-is-refused': {
    sentence: 'A received snapshot with another hash or size than announced is never used',
    source: 'design',
  },
  'raft.damaged-snapshot-is-refused': {
    sentence: 'A snapshot that is missing or damaged is refused with a reason',
    source: 'design',
  },
  'raft.full-disk-is-a-state': {
    sentence: 'While the disk is full writes wait and are not lost, and it is told',
    source: 'design',
  },
  'raft.garbage-is-refused': {
    sentence:
      'Whatever stands in a data folder, it is opened as it was written or refused with a reason',
    source: 'design',
  },
  'raft.crash-at-any-step': {
    sentence:
      'Killed between any two steps of the disk, a member holds all it acknowledged, and nothing twice',
    source: 'design',
  },
  'raft.lost-proposal-is-sent-again': {
    sentence:
      'A proposal that provably did not survive a change of leader is proposed again, and is applied once',
    source: 'design',
  },
  'raft.linearizable-whatever-befalls': {
    sentence:
      'What clients of real processes see is linearizable while members are killed, stopped, stalled and cut apart',
    source: 'Herlihy and Wing 1990',
  },
  'raft.stale-reads-are-caught': {
    sentence: 'A member that reads without a barrier is convicted by the history of its clients',
    source: 'design',
  },
  'raft.checker-knows-the-public-histories': {
    sentence:
      'The linearizability checker gives the known verdict on every public history of Porcupine',
    source: 'Porcupine 1.3.1, porcupine_test.go',
  },
  'raft.senseless-message-is-refused': {
    sentence:
      'A message with an impossible number, term or frame is refused and counted before the core sees it',
    source: 'design',
  },
  'raft.wrong-member-is-refused': {
    sentence:
      'A member of another cluster, protocol or address, or without the disk it had, is refused and told why',
    source: 'design',
  },
  'raft.stalled-disk-does-not-lead': {
    sentence:
      'A leader whose disk hangs makes way for one whose disk is seen to work, and for nobody else',
    source: 'design',
  },
  'raft.stalled-peer-is-bounded': {
    sentence:
      'A member that does not read costs a bounded amount of memory, and what was not sent to it is known',
    source: 'design',
  },
  'raft.snapshot-arrives-whole': {
    sentence:
      'A snapshot is fetched in pieces, goes on where it broke, and is used only with the announced hash',
    source: 'design',
  },
  'raft.garbage-harms-nobody': {
    sentence: 'Whatever bytes a peer sends, nothing but sound messages comes in and others go on',
    source: 'design',
  },
  'rpc.generated-is-current': {
    sentence: 'Generated RPC code is what the proto files say',
    source: 'design',
  },
  'raft.majorities-as-in-etcd': {
    sentence: 'Votes and committed indexes are judged as in etcd, over one set of voters and two',
    source: 'etcd raft, quorum',
  },
  'raft.configurations-as-in-etcd': {
    sentence:
      'A change of the configuration has the outcome it has in etcd, or is refused as there',
    source: 'etcd raft, confchange',
  },
  'raft.configurations-are-sound': {
    sentence: 'In no configuration that can be reached does a member both vote and learn',
    source: 'Raft thesis 4.3',
  },
  'raft.successive-majorities-meet': {
    sentence: 'No two successive configurations can decide without each other',
    source: 'Raft paper 6',
  },
  'raft.traces-as-in-etcd': {
    sentence:
      'In each step of an interaction trace our members say and write what those of etcd do',
    source: 'etcd raft, testdata',
  },
  'raft.final-states-as-in-etcd': {
    sentence: 'Logs, roles and progress at each stop of an interaction trace are those of etcd',
    source: 'etcd raft, testdata',
  },
  'raft.known-bugs-do-not-return': {
    sentence: 'What broke other implementations of Raft once does not break ours',
    source: 'regression',
  },
  'raft.core-agrees-with-etcd': {
    sentence:
      'After every event of a random schedule a member of ours looks as one of etcd’s: state, log, configuration, messages',
    source: 'etcd raft, as a library',
  },
  'raft.lost-majority-is-recovered': {
    sentence:
      'After two of three disks are lost, an explicit command on the third serves all it had and the cluster grows again',
    source: 'etcd: disaster recovery; Raft thesis 4',
  },
  'raft.forced-change-is-refused': {
    sentence:
      'Membership is forced only on a whole, stopped data folder of the member that was named, and only after a yes',
    source: 'design: nothing automatic rewrites membership',
  },
  'raft.survives-any-message': {
    sentence: 'Whatever a member is told, in any order, it breaks no promise; at worst it stops',
    source: 'design',
  },
} as const satisfies Record<string, Requirement>;
