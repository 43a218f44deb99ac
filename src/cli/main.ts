#!/usr/bin/env node
/** The program: one bundle whose subcommands are the operator, the sidecar, the laptop cluster and the demo. */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { UsageError } from '../host/index.ts';

const program = new Command('mcp-cluster')
  .description('Keeps MCP sessions alive through the loss of pods, on any unmodified MCP server.')
  .showHelpAfterError('(--help shows what is allowed)')
  .exitOverride();

program
  .command('operator')
  .description(
    'reconcile McpCluster resources; runs in the cluster or, with --kubeconfig, beside it',
  )
  .option(
    '--kubeconfig <file>',
    'how to reach the API server (default: in-cluster, then $KUBECONFIG)',
  )
  .option(
    '--service-account-dir <dir>',
    'ca.crt, token and namespace in the cluster (default: where Kubernetes mounts them)',
  )
  .option(
    '--watch-namespaces <names>',
    'watch these namespaces only, separated by commas (default: all)',
    (names: string) => names.split(',').filter((name) => name !== ''),
  )
  .option('--no-leader-elect', 'do not wait for the Lease; for one operator only')
  .option('--lease-name <name>', 'name of the Lease (default: mcp-cluster-operator)')
  .option('--sidecar-image <image>', 'image of the sidecar in the pods')
  .option('--health-address <host:port>', 'health and metrics', '0.0.0.0:9090')
  .option('--serving-port <port>', 'HTTPS for pods and the API server; 0: any', portNumber, 9443)
  .option(
    '--serving-url <url>',
    'where pods reach that port (default: https://127.0.0.2:<port>, for pods on this machine)',
  )
  .option(
    '--serving-authority <name>',
    "Secret with the operator's own certificate authority",
    'mcp-cluster-operator-serving-authority',
  )
  .option(
    '--webhook-configuration <name>',
    'ValidatingWebhookConfiguration by which the API server asks this operator (default: none)',
  )
  .addOption(logLevel())
  .action(async (options) => {
    const { operatorCommand } = await import('./operator-command.ts');
    await operatorCommand(options);
  });

program
  .command('sidecar')
  .description(
    'serve sessions beside an MCP server; in Kubernetes from --config, without it from flags',
  )
  .option('--config <file>', 'configuration that the operator wrote')
  .option('--node-id <id>', "this member's id (default with --config: $POD_NAME)")
  .option('--cluster-port <port>', 'Raft, gossip and admin over mutual TLS (default 7000)')
  .option('--peers <list>', 'voters as id@host:port, separated by commas')
  .option('--advertise-addr <host:port>', 'where the others reach this member')
  .option(
    '--join <host:port>',
    'a running member that tells the voters; this one joins as they have it',
  )
  .option('--heartbeat-interval <ms>', "leader's heartbeat (default 50)")
  .option('--election-timeout-min <ms>', 'least silence before an election (default 200)')
  .option('--election-timeout-max <ms>', 'most silence before an election (default 400)')
  .option(
    '--learner-dead-after <duration>',
    'a learner dead for so long is taken out of the configuration (default 10m)',
  )
  .option('--session-db-path <dir>', 'data is kept in <dir>/cluster-<node-id>')
  .option(
    '--tls-dir <dir>',
    'ca.crt, tls.crt and tls.key (default without Kubernetes: made for this user)',
  )
  .option(
    '--identity-dir <dir>',
    'in Kubernetes: token, ca.crt, operator-ca.crt and operator-url, by which it gets its own certificate',
  )
  .option(
    '--metrics-port <port>',
    'health and metrics (default without Kubernetes: the cluster port)',
  )
  .option('--upstream <url>', 'MCP server behind this member, without Kubernetes')
  .option('--gateway-port <port>', 'where MCP clients connect, with --upstream (default 8080)')
  .option('--gateway-peer-port <port>', "where other members' gateways connect (default 8081)")
  .option('--policies <file>', 'JSON: balancing, bulkheads, rate limits, auth, without Kubernetes')
  .option('--tokens-dir <dir>', 'folder of token files that policies name by a relative path')
  .option(
    '--recovery <id:member>',
    'after a majority was lost for good: begin again from what this member holds, once for each id',
  )
  .option(
    '--pod-annotations-dir <dir>',
    "files weight and capabilities: this pod's annotations mcpcluster.io/…",
  )
  .option(
    '--hand-over-file <file>',
    'who makes this file tells the member that its pod is being deleted: /drained answers once all is handed over',
  )
  .option(
    '--hand-over-timeout <duration>',
    'how long running calls may go on while sessions are handed over (default 10s)',
  )
  .addOption(logLevel())
  .action(async (options) => {
    const { sidecarCommand } = await import('./sidecar-command.ts');
    await sidecarCommand(options);
  });

program
  .command('bridge')
  .description('serve an MCP server that speaks over stdio as Streamable HTTP: bridge -- COMMAND …')
  .argument('<command...>', 'the server and its arguments, after --')
  .option('--host <address>', 'where it listens', '127.0.0.1')
  .option('--port <port>', 'where it listens', '3000')
  .option('--path <path>', 'URL path of the MCP endpoint', '/mcp')
  .addOption(
    new Option('--mode <mode>', 'a process for each session, or one for all')
      .choices(['PerSession', 'Shared'])
      .default('PerSession'),
  )
  .option('--max-children <count>', 'sessions, and so processes, at most', '100')
  .option('--idle-timeout <duration>', 'a session nobody uses for so long is ended', '8h')
  .addOption(logLevel())
  .action(async (command: string[], options) => {
    const { bridgeCommand } = await import('./bridge-command.ts');
    await bridgeCommand(command, options);
  });

program
  .command('install-bridge')
  .description(
    'copy Node and this program to a folder, to run the bridge from it in another container',
  )
  .argument('<folder>', 'an empty folder, such as a volume that both containers have')
  .action(async (folder: string) => {
    const { installBridge } = await import('./bridge-command.ts');
    await installBridge(folder);
  });

const raft = program.command('raft').description('who takes part in the agreed log of a cluster');

raft
  .command('members')
  .description('list the members as one of them knows them')
  .addOption(memberAddress())
  .addOption(memberTls())
  .option('--json', 'print all that the member says about itself')
  .action(async (options) => {
    const { membersCommand } = await import('./raft-command.ts');
    await membersCommand(options);
  });

raft
  .command('change [steps...]')
  .description(
    'change who takes part: add-voter=ID (promotes a learner), add-learner=ID, remove=ID; several become one change',
  )
  .addOption(memberAddress())
  .addOption(memberTls())
  .addOption(
    new Option('--transition <kind>', 'how several voters change at once')
      .choices(['auto', 'joint-implicit', 'joint-explicit'])
      .default('auto'),
  )
  .action(async (steps, options) => {
    const { changeCommand } = await import('./raft-command.ts');
    await changeCommand(steps, options);
  });

raft
  .command('transfer [to]')
  .description(
    'let another voter lead (default, when the leader is asked: whoever has most of the log)',
  )
  .addOption(memberAddress())
  .addOption(memberTls())
  .action(async (to, options) => {
    const { transferCommand } = await import('./raft-command.ts');
    await transferCommand(to, options);
  });

raft
  .command('recover')
  .description(
    'after a majority was lost for good: let one stopped member begin the cluster again; says what it will do first',
  )
  .requiredOption('--data-dir <dir>', "the stopped member's folder: <session-db-path>/cluster-<id>")
  .requiredOption('--trust-member <id>', 'the member whose folder it is and whose data counts')
  .option('--voters <ids>', 'who decides from then on (default: the trusted member alone)')
  .option('--yes-i-understand-that-data-may-be-lost', 'do it; without this nothing is changed')
  .action(async (options) => {
    const { recoverCommand } = await import('./recover-command.ts');
    await recoverCommand(options);
  });

program
  .command('backup')
  .description('write what a cluster has agreed on, its sessions above all, to a file')
  .addOption(memberAddress())
  .addOption(memberTls())
  .addOption(podIdentity())
  .option('--out <file>', 'the file')
  .option('--dir <folder>', 'or a folder for many, named after cluster and time')
  .option('--keep <count>', 'how many of this cluster stay in the folder', wholeNumber, 7)
  .action(async (options) => {
    const { backupCommand } = await import('./backup-command.ts');
    await backupCommand(options);
  });

program
  .command('restore')
  .description('give a backup to a new cluster, one that holds nothing yet')
  .addOption(memberAddress())
  .addOption(memberTls())
  .addOption(podIdentity())
  .option('--from <file>', 'the file that backup wrote')
  .option('--dir <folder>', 'or the folder that backup wrote to: the newest in it')
  .action(async (options) => {
    const { restoreCommand } = await import('./backup-command.ts');
    await restoreCommand(options);
  });

program
  .command('dev')
  .description('a laptop cluster in the foreground, with the operator and a sample cluster')
  .option('--data <dir>', 'keep the state here and find it again (default: nothing is kept)')
  .option('--port <port>', 'port of the API server (default: a free one)')
  .option('--prometheus', 'start the prometheus of this machine, too, with rules and targets')
  .option('--no-operator', 'neither operator nor sample: for an operator that helm installs')
  .addOption(backend())
  .action(async (options) => {
    const { devCommand } = await import('./dev-command.ts');
    await devCommand(options);
  });

program
  .command('demo')
  .description('kill the pod that owns a session and watch the session go on')
  .option(
    '--json',
    'print one JSON object on the last line; everything else goes to standard error',
  )
  .addOption(
    new Option('--kill <who>', 'which pod dies').choices(['owner', 'leader']).default('owner'),
  )
  .addOption(backend())
  .action(async (options) => {
    const { demoCommand } = await import('./demo-command.ts');
    await demoCommand(options);
  });

function logLevel(): Option {
  return new Option('--log-level <level>', 'least severe line to print')
    .choices(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info');
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError(`${text} is not a whole number above 0`);
}

function portNumber(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value <= 65_535) return value;
  throw new InvalidArgumentError(`${text} is not a port from 0 to 65535`);
}

function memberAddress(): Option {
  return new Option('--at <host:port>', "any member's cluster port").default('127.0.0.1:7000');
}

function podIdentity(): Option {
  return new Option(
    '--identity-dir <dir>',
    'in a pod for backups: token, ca.crt, operator-ca.crt, operator-url and cluster-id, by which it gets its own certificate',
  ).conflicts('tlsDir');
}

function memberTls(): Option {
  return new Option(
    '--tls-dir <dir>',
    'ca.crt, tls.crt and tls.key of a member (default: those made for this user)',
  );
}

function backend(): Option {
  return new Option('--backend <kind>', 'embedded API server, or real one from KUBEBUILDER_ASSETS')
    .choices(['embedded', 'kubebuilder'])
    .default('embedded');
}

/** Ends the process with one line for what a person can mend, and with the stack for what is a fault of ours. */
function end(error: unknown): never {
  if (error instanceof CommanderError) process.exit(error.exitCode);
  if (error instanceof UsageError) {
    console.error(`mcp-cluster: ${error.message}`);
    process.exit(error.exitCode);
  }
  // Node would print the bundle's source line, which is thousands of characters long.
  console.error(
    `mcp-cluster: this is a bug, please report it\n${(error as Error).stack ?? String(error)}`,
  );
  process.exit(1);
}

process.on('uncaughtException', end);
await program.parseAsync().catch(end);
