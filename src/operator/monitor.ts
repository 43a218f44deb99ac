/** Keeps asking the sidecars of one cluster how it is: often while anything moves, and at once when one of them says so. */
import type { McpCluster } from '../api/index.ts';
import type { TlsSource } from '../security/index.ts';
import type { Clock } from '../std/index.ts';
import { canAnswer, podHost, type Pod, type SidecarReport } from './core/index.ts';
import type { SidecarClient, SidecarFact, SidecarLink } from './ports.ts';

export interface MonitorOptions {
  readonly client: SidecarClient;
  readonly clock: Clock;
  /** Called when an answer differs from the one before; for counters alone at most every five seconds. */
  readonly onChange: () => void;
  /** Between rounds while anything moves, and otherwise. Default 500 and 5000 ms. */
  readonly busyIntervalMs?: number;
  readonly idleIntervalMs?: number;
}

/** The sidecars of one cluster. */
export interface Monitor {
  /** The pods to ask from now on; a pod that got another address is asked anew. */
  follow(cluster: McpCluster, pods: readonly Pod[], tls: TlsSource): void;
  /** While true, rounds are short. */
  setBusy(busy: boolean): void;
  /** Asks all pods at once; resolves when each has answered or failed to. */
  refresh(): Promise<void>;
  /** The last answer of each pod that was asked, by pod name. */
  reports(): ReadonlyMap<string, SidecarReport>;
  link(pod: string): SidecarLink | undefined;
  stop(): void;
}

/** Facts that arrive together are asked about once. */
const FACT_PAUSE_MS = 20;
/** A member that its peers suspect gets this long to answer us: two who do not reach it take it for gone together. */
const SUSPECT_MS = 300;
/** Counters that move with traffic are passed on this often. */
const COUNTERS_MS = 5_000;

interface Followed {
  /** Another value is another process behind the same name. */
  readonly identity: string;
  readonly link: SidecarLink;
  report?: SidecarReport;
  /** The counters that were last passed on, as text. */
  toldCounters: string;
  /** The question under way, to be broken off. */
  asking: AbortController | undefined;
  askAgain: boolean;
  cancelHurry?: () => void;
}

export function createMonitor(options: MonitorOptions): Monitor {
  const { client, clock } = options;
  const followed = new Map<string, Followed>();
  const asker = createAsker(options);
  const askAll = (): void => {
    for (const entry of followed.values()) asker.ask(entry);
  };
  const rounds = createRounds(options, askAll);
  let cancelFact: (() => void) | undefined;
  const onFact = ({ kind, subject }: SidecarFact): void => {
    const suspect = kind === 'member-suspect' ? followed.get(subject) : undefined;
    if (suspect !== undefined) asker.hurry(suspect);
    cancelFact ??= clock.schedule(FACT_PAUSE_MS, () => {
      cancelFact = undefined;
      askAll();
    });
  };
  return {
    follow(cluster, pods, tls) {
      const wanted = pods.filter(canAnswer);
      const identities = new Map(wanted.map((pod) => [pod.metadata.name ?? '', identityOf(pod)]));
      for (const [name, entry] of followed) {
        if (identities.get(name) === entry.identity) continue;
        end(entry);
        followed.delete(name);
      }
      for (const pod of wanted) {
        const name = pod.metadata.name ?? '';
        if (followed.has(name)) continue;
        const link = client.connect({
          address: pod.status?.podIP ?? '',
          serverName: podHost(cluster, name),
          clusterId: cluster.metadata.uid,
          tls,
        });
        const identity = identityOf(pod);
        const entry = { identity, link, toldCounters: '', asking: undefined, askAgain: false };
        followed.set(name, entry);
        link.onFact(onFact);
        asker.ask(entry);
      }
    },
    setBusy: rounds.setBusy,
    async refresh() {
      const ask = async (entry: Followed): Promise<void> => {
        entry.report = await answerOf(entry.link);
      };
      await Promise.all([...followed.values()].map(ask));
    },
    reports: () =>
      new Map(
        [...followed].flatMap(([name, { report }]) =>
          report === undefined ? [] : [[name, report] as const],
        ),
      ),
    link: (pod) => followed.get(pod)?.link,
    stop() {
      asker.stop();
      rounds.stop();
      cancelFact?.();
      for (const entry of followed.values()) end(entry);
      followed.clear();
    },
  };
}

/** Asks one sidecar at a time per pod; a question that comes meanwhile is asked right after. */
function createAsker({ clock, onChange }: MonitorOptions) {
  let isStopped = false;
  let countersToldAt = clock.monotonic();
  const isNews = (after: SidecarReport, { report, toldCounters }: Followed): boolean =>
    factsOf(after) !== factsOf(report) ||
    (clock.monotonic() - countersToldAt >= COUNTERS_MS && countersOf(after) !== toldCounters);
  const ask = async (entry: Followed): Promise<void> => {
    if (entry.asking !== undefined) {
      entry.askAgain = true;
      return;
    }
    const asking = new AbortController();
    entry.asking = asking;
    const after = await answerOf(entry.link, asking.signal);
    const isToTell = isNews(after, entry);
    entry.report = after;
    entry.asking = undefined;
    if (isStopped) return;
    if (isToTell) {
      countersToldAt = clock.monotonic();
      entry.toldCounters = countersOf(after);
      onChange();
    }
    if (entry.askAgain) {
      entry.askAgain = false;
      await ask(entry);
    }
  };
  const hurry = (entry: Followed): void => {
    void ask(entry);
    const { asking } = entry;
    entry.cancelHurry?.();
    entry.cancelHurry = clock.schedule(SUSPECT_MS, () => asking?.abort());
  };
  return {
    ask: (entry: Followed): void => void ask(entry),
    hurry,
    stop: () => void (isStopped = true),
  };
}

function end(entry: Followed): void {
  entry.cancelHurry?.();
  entry.link.close();
}

const answerOf = (link: SidecarLink, signal?: AbortSignal): Promise<SidecarReport> =>
  link.status(signal).then(
    (status): SidecarReport => ({ kind: 'answered', status }),
    (error: unknown): SidecarReport => ({ kind: 'failed', problem: (error as Error).message }),
  );

/** Calls `round` again and again: at short intervals while busy, at long ones otherwise. */
function createRounds(options: MonitorOptions, round: () => void) {
  const { clock, busyIntervalMs = 500, idleIntervalMs = 5_000 } = options;
  let busy = true;
  const run = (): void => {
    round();
    cancel = clock.schedule(busy ? busyIntervalMs : idleIntervalMs, run);
  };
  let cancel = clock.schedule(busyIntervalMs, run);
  return {
    setBusy(next: boolean): void {
      if (next === busy) return;
      busy = next;
      cancel();
      cancel = clock.schedule(busyIntervalMs, run);
    },
    stop: () => cancel(),
  };
}

function identityOf(pod: Pod): string {
  return `${pod.metadata.uid} ${pod.status?.podIP}`;
}

/** What decisions rest on, as text: everything but the counters that move with traffic. */
function factsOf(report: SidecarReport | undefined): string {
  if (report === undefined) return '';
  if (report.kind === 'failed') return 'failed';
  const { role, leaderId, term, members, ready, draining, backend, configGeneration } =
    report.status;
  const { cordon = '', sessionsOwned } = report.status;
  const states = members.map(({ id, state, leased }) => `${id}=${state} ${leased}`).sort();
  // Who waits for a pod to be empty is told when it is.
  const isEmpty = cordon !== '' && sessionsOwned === 0;
  const { voters, votersOutgoing, learners, problems = [], recovery } = report.status;
  const { overdue, failure } = report.status.certificate ?? {};
  const part = [voters, votersOutgoing, learners, problems.map(({ code }) => code), recovery];
  return JSON.stringify([
    ...[role, leaderId, term, states, ready, draining, backend, configGeneration],
    ...[part, cordon, isEmpty, overdue, overdue === true ? failure : ''],
  ]);
}

function countersOf(report: SidecarReport | undefined): string {
  if (report?.kind !== 'answered') return '';
  const { commitIndex, appliedIndex, sessions, sessionsOwned } = report.status;
  return JSON.stringify([commitIndex, appliedIndex, sessions, sessionsOwned]);
}
