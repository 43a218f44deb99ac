/** What `sidecar`, `admin` and `cli` guarantee. */
import type { Requirement } from './requirement.ts';

export const sidecar = {
  'sidecar.begins-again-last': {
    sentence:
      'When a cluster begins again from one member, every other keeps its data until that one serves, then throws them away once',
    source: 'issue 6: quorum loss',
  },
  'sidecar.fenced': {
    sentence:
      'A fenced member takes no sessions, gives leadership away and leaves elections to the others while one of them can win, for as long as the agreed configuration fences it',
    source: 'issue 6: fenced members',
  },
  'sidecar.drained': {
    sentence: 'A member that is asked to drain says so and is not ready until that is taken back',
    source: 'issue 6: sessions of the pod handed over',
  },
  'sidecar.leaves-before-its-server': {
    sentence:
      'A member that is told to leave hands leadership and sessions over while its server still runs, lets running calls end unless the server hangs, and says when the server may stop; nobody is made to leave by asking',
    source: 'issue 6: node drain; feature bar 16',
  },
  'sidecar.config.everywhere': {
    sentence:
      'A configuration proposed at one member is in force at every member, without a restart',
    source: 'design: configuration is replicated',
  },
  'sidecar.config.versions': {
    sentence:
      'A sidecar goes on with a configuration of an operator or member that is older or newer, and never guesses who may call',
    source: 'design: operator and sidecars are not replaced at the same instant',
  },
  'sidecar.config.identity': {
    sentence:
      'A change of the configuration keeps the identity of every policy that it leaves alone',
    source: 'design: breakers, counters and queues are kept by policy',
  },
  'sidecar.policies.refused': {
    sentence: 'A wrong policy in a file is refused with its field, value and rule',
    source: 'design: bad input',
  },
  'sidecar.pod-annotations': {
    sentence:
      'Weight and capabilities in annotations of a running pod are in force without a restart',
    source: 'issue 5: weights and capabilities come from the resource and pod annotations',
  },
  'sidecar.flags.refused': {
    sentence:
      'A wrong flag of the sidecar is refused in one line with the flag, its value and what is allowed',
    source: 'design: bad input',
  },
  'sidecar.data-folder.waits': {
    sentence:
      'A member whose predecessor still runs on its data waits, changes nothing meanwhile, and goes on with all of it as soon as that process is gone',
    source: 'feature bar 21; Kubernetes: force deletion of StatefulSet pods',
  },
  'sidecar.data-folder.bounded': {
    sentence:
      'It gives up before Kubernetes would end it, and says who has the data and what to do',
    source: 'design: bad input',
  },
  'sidecar.standalone.cluster': {
    sentence:
      'Three sidecars started by flags elect a leader, survive its SIGKILL, take it back, and let a fourth join',
    source: 'design: the sidecar runs without Kubernetes',
  },
  'sidecar.rolling-restart': {
    sentence: 'A rolling restart of all members under load: no request fails.',
    source: 'issue: drain',
  },
  'sidecar.standalone.session': {
    sentence:
      'Without Kubernetes too, any member serves a session, and the session outlives the member and the server that had it',
    source: 'design: the sidecar runs without Kubernetes',
  },
  'sidecar.start.refused': {
    sentence: 'A sidecar that cannot start says why and what to do in one line, and exits with 2',
    source: 'design: bad input',
  },
  'sidecar.unusable-data': {
    sentence:
      'A sidecar whose data cannot be used ends with an exit code of its own, so that whoever started it may give it an empty volume',
    source: 'issue 6: self-healing; EX_DATAERR of sysexits',
  },
  'sidecar.learners-follow-gossip': {
    sentence:
      'The leader lets live pods in as learners, takes out those that left or stay dead, one at a time, and never touches a voter',
    source: 'design: gossip never decides voters',
  },
  'sidecar.hands-over-at-sigterm': {
    sentence: 'A leader that is told to stop lets another one lead before it goes',
    source: 'Raft thesis 3.10',
  },
  'sidecar.founds-no-second-cluster': {
    sentence:
      'A founding voter that starts without its data does not found a second cluster beside one that exists',
    source: 'etcd: initial-cluster-state; design',
  },
  'sidecar.problems-are-said': {
    sentence:
      'A member that is removed, divergent, replaced or out of disk is not ready and says what to do',
    source: 'design: bad input',
  },
  'sidecar.divergent-serves-nothing': {
    sentence: 'A divergent member closes its gateway and gives its lease back',
    source: 'etcd: corruption alarm',
  },
  'admin.membership': {
    sentence:
      'Voters are changed and leadership is handed over by the admin service, at any member, and refused with a reason',
    source: 'etcd: member and move-leader commands',
  },
  'cli.recover': {
    sentence:
      'Membership is rewritten offline only after it was said what can be lost, only with a yes, and never without a trace',
    source: 'design: nothing automatic rewrites membership',
  },
  'cli.raft': {
    sentence:
      'A person lists the members, changes who takes part and hands leadership over by one command each',
    source: 'etcdctl member and move-leader',
  },
  'sidecar.identity-obtained': {
    sentence:
      'A pod makes its own key, asks the operator until it has a certificate, says what it waits for, and keeps both for itself alone',
    source: 'feature bar 6',
  },
  'sidecar.identity-kept': {
    sentence: 'A pod starts again with the certificate it kept while no operator answers',
    source: 'feature bar 6',
  },
  'sidecar.identity-heals': {
    sentence:
      'A kept certificate that has expired, is damaged, or was signed by an authority that nobody trusts any more is asked for anew',
    source: 'feature bar 21',
  },
  'sidecar.identity-renews': {
    sentence:
      'A certificate is renewed after two thirds of its life, and a day after the authorities changed, while the pod runs',
    source: 'feature bar 6',
  },
  'sidecar.last-words': {
    sentence:
      'A sidecar that is ended before it has a certificate says why in its last line, which the kubelet keeps and the condition of the cluster quotes',
    source: 'feature bar 6',
  },
  'sidecar.renewal-overdue': {
    sentence:
      'A pod that gets no other certificate tells until when it has one, when the next was due and why there is none, by metrics and to the operator, and quotes no secret',
    source: 'feature bar 6',
  },
  'sidecar.certificates-rotate': {
    sentence: 'Certificates and their authority are replaced under load without a failed request',
    source: 'design',
  },
  'backup.restored': {
    sentence:
      'A backup taken at any member and given to a new cluster is there whole and once, and its sessions go on',
    source: 'design',
  },
  'backup.abandoned-leaves-nothing': {
    sentence: 'A backup that cannot be finished leaves no file with session data behind',
    source: 'design: session data are where they are protected, or nowhere',
  },
  'backup.retention': {
    sentence:
      'A folder keeps as many backups of a cluster as asked for: the oldest go once the new one is whole, never those of another cluster',
    source: 'feature bar 12; CloudNativePG backup retention',
  },
  'backup.damage-is-refused': {
    sentence:
      'A backup that was cut, changed, or is of another release is refused as a whole, with what to do',
    source: 'design',
  },
} as const satisfies Record<string, Requirement>;
