/** Wrong specs, and what a real API server must say of each. */
import { REFUSED_BACKUPS } from './refused-backups.ts';
import { REFUSED_POLICIES } from './refused-policies.ts';

const server = { image: 'x', port: 3001 };

/** Spec fields (over a valid one), the path the refusal names, and what it says of value and rule. */
export const REFUSED: readonly (readonly [
  spec: Record<string, unknown>,
  path: string,
  says: RegExp,
])[] = [
  [{ replicas: 'three' }, 'spec.replicas', /must be of type integer: "string"/],
  [{ replicas: 0 }, 'spec.replicas', /0.*greater than or equal to 1/],
  [{ replicas: 100 }, 'spec.replicas', /100.*less than or equal to 99/],
  [{ voters: 4, replicas: 5 }, 'spec.voters', /4: supported values: "1", "3", "5", "7"/],
  [{ voters: 5, replicas: 3 }, 'spec.voters', /5 voters need at least as many replicas/],
  [{ nonsense: true }, 'spec.nonsense', /unknown field/],
  [{ server: { ...server, imag: 'y' } }, 'spec.server.imag', /unknown field/],
  [{ server: { port: 3001 } }, 'spec.server.image', /Required value/],
  [{ tls: { issuerRef: {} } }, 'spec.tls.issuerRef.name', /Required value/],
  [
    { tls: { issuerRef: { name: 'x', kind: 'Vault' } } },
    'spec.tls.issuerRef.kind',
    /"Vault".*"Issuer", "ClusterIssuer"/,
  ],
  [
    { tls: { issuerRef: { name: 'x', group: 'example.com' } } },
    'spec.tls.issuerRef.group',
    /"example.com".*"cert-manager.io"/,
  ],
  [
    { tls: { certificateDuration: '10m' } },
    'spec.tls.certificateDuration',
    /"10m" is not between 1h and 8760h/,
  ],
  [
    { tls: { certificateDuration: '24h', renewBefore: '24h' } },
    'spec.tls.renewBefore',
    /shorter than certificateDuration, such as a third of it/,
  ],
  [{ server: { ...server, image: '' } }, 'spec.server.image', /at least 1 chars/],
  [{ server: { ...server, port: 8080 } }, 'spec.server.port', /must differ from gateway.port/],
  [{ server: { ...server, port: 7000 } }, 'spec.server.port', /7000.*8081, 7000, 9090/],
  [{ server: { ...server, path: 'mcp' } }, 'spec.server.path', /"mcp" is not an absolute URL path/],
  [
    { server: { ...server, transport: 'SSE' } },
    'spec.server.transport',
    /"SSE".*"StreamableHTTP", "Stdio"/,
  ],
  [
    { server: { ...server, transport: 'Stdio' } },
    'spec.server.command',
    /is required with transport Stdio/,
  ],
  [
    { server: { ...server, resources: { limits: { memory: 'much' } } } },
    'spec.server.resources.limits[memory]',
    /"much" is not a quantity/,
  ],
  [
    {
      server: {
        ...server,
        env: [{ name: 'A', value: 'b', valueFrom: { fieldRef: { fieldPath: 'x' } } }],
      },
    },
    'spec.server.env[0]',
    /value and valueFrom exclude each other/,
  ],
  [
    { server: { ...server, env: [{ name: 'A', valueFrom: {} }] } },
    'spec.server.env[0].valueFrom',
    /exactly one of/,
  ],
  [
    { server: { ...server, requestStateKey: { env: '1KEY' } } },
    'spec.server.requestStateKey.env',
    /"1KEY" is not the name of an environment variable/,
  ],
  [
    { server: { ...server, requestStateKey: { env: 'KEY', acceptedEnv: 'KEY' } } },
    'spec.server.requestStateKey.acceptedEnv',
    /"KEY" holds the key already/,
  ],
  [
    { server: { ...server, env: [{ name: 'KEY' }], requestStateKey: { env: 'KEY' } } },
    'spec.server.requestStateKey',
    /names a variable that server.env sets/,
  ],
  [
    { server: { ...server, requestStateKey: { env: 'KEY', rotationInterval: '1m' } } },
    'spec.server.requestStateKey.rotationInterval',
    /"1m" is not between 1h and 8760h/,
  ],
  [{ gateway: { port: 9090 } }, 'spec.gateway.port', /9090/],
  [
    { gateway: { allowedOrigins: ['example.com'] } },
    'spec.gateway.allowedOrigins[0]',
    /"example.com" is not \* or an origin/,
  ],
  [{ gateway: { limits: { bodyBytes: 1 } } }, 'spec.gateway.limits.bodyBytes', /1: .*1024/],
  [{ sessions: { idleTimeout: 'soon' } }, 'spec.sessions.idleTimeout', /"soon" is not a duration/],
  [{ sessions: { idleTimeout: 3600 } }, 'spec.sessions.idleTimeout', /must be of type string/],
  [
    { sessions: { idleTimeout: '999h' } },
    'spec.sessions.idleTimeout',
    /"999h" is not between 1s and 720h/,
  ],
  [
    { consensus: { heartbeatInterval: '150ms' } },
    'spec.consensus.electionTimeout',
    /electionTimeout.min 200ms must be at least twice heartbeatInterval 150ms/,
  ],
  [
    { consensus: { electionTimeout: { min: '400ms', max: '400ms' } } },
    'spec.consensus.electionTimeout',
    /min 400ms must be shorter than electionTimeout.max 400ms/,
  ],
  [
    { gossip: { probeTimeout: '1s' } },
    'spec.gossip.probeTimeout',
    /probeTimeout 1s must be shorter than probeInterval 200ms/,
  ],
  [
    { gossip: { suspicion: '100ms' } },
    'spec.gossip.suspicion',
    /suspicion 100ms must be at least probeInterval 200ms/,
  ],
  [
    { update: { maintenanceWindow: { schedule: 'at night' } } },
    'spec.update.maintenanceWindow.schedule',
    /"at night" is not five fields of cron such as "0 3 \* \* SUN"/,
  ],
  [
    { update: { maintenanceWindow: { schedule: '0 3 * * *', duration: '10s' } } },
    'spec.update.maintenanceWindow.duration',
    /"10s" is not between 1m and 168h/,
  ],
  [
    { update: { mode: 'Manual' } },
    'spec.update.mode',
    /supported values: "Automatic", "Supervised"/,
  ],
  [{ update: { maxUnavailable: 0 } }, 'spec.update.maxUnavailable', /greater than or equal to 1/],
  [{ fencedMembers: ['other-0'] }, 'spec.fencedMembers', /must name pods of this cluster/],
  [{ networkPolicy: { clients: [{}] } }, 'spec.networkPolicy.clients[0]', /needs podSelector/],
  [
    { networkPolicy: { clients: [{ ipBlock: { cidr: '192.0.2.0/24' }, podSelector: {} }] } },
    'spec.networkPolicy.clients[0]',
    /or else ipBlock alone/,
  ],
  [{ networkPolicy: { ingress: [{}] } }, 'spec.networkPolicy.ingress[0].ports', /Required value/],
  [{ storage: { size: 'large' } }, 'spec.storage.size', /"large" is not a quantity/],
  [{ storage: { size: '-1Gi' } }, 'spec.storage.size', /"-1Gi" is not a quantity/],
  [
    { podTemplate: { volumes: [{ name: 'data', emptyDir: {} }] } },
    'spec.podTemplate.volumes[0].name',
    /volumes of the sidecar/,
  ],
  [
    { podTemplate: { volumes: [{ name: 'mine' }] } },
    'spec.podTemplate.volumes[0]',
    /exactly one of/,
  ],
  [{ replicas: 1.5 }, 'spec.replicas', /must be of type integer: "number"/],
  [{ voters: 9, replicas: 9 }, 'spec.voters', /9: supported values: "1", "3", "5", "7"/],
  [{ hibernated: 'yes' }, 'spec.hibernated', /must be of type boolean: "string"/],
  [{ fencedMembers: ['bad-0', 'bad-0'] }, 'spec.fencedMembers[1]', /Duplicate value: "bad-0"/],
  [{ recovery: {} }, 'spec.recovery.trustMember', /Required value/],
  [{ server: { ...server, args: 'x' } }, 'spec.server.args', /must be of type array: "string"/],
  [{ server: { ...server, port: 70_000 } }, 'spec.server.port', /less than or equal to 65535/],
  [
    { server: { ...server, imagePullPolicy: 'Sometimes' } },
    'spec.server.imagePullPolicy',
    /"Sometimes": supported values: "Always", "IfNotPresent", "Never"/,
  ],
  [
    { server: { ...server, resources: { requests: { cpu: 'fast' } } } },
    'spec.server.resources.requests[cpu]',
    /"fast" is not a quantity/,
  ],
  [
    { server: { ...server, volumeMounts: [{ name: 'a', mountPath: 'relative' }] } },
    'spec.server.volumeMounts[0].mountPath',
    /"relative" is not an absolute path/,
  ],
  [{ gateway: { path: 'mcp' } }, 'spec.gateway.path', /"mcp" is not an absolute URL path/],
  [
    { gateway: { allowedHosts: ['http://x'] } },
    'spec.gateway.allowedHosts[0]',
    /"http:\/\/x" is not a host such as tools.example.com/,
  ],
  [{ sessions: { max: 0 } }, 'spec.sessions.max', /0.*greater than or equal to 1/],
  [{ consensus: { heartbeatInterval: '0ms' } }, 'spec.consensus.heartbeatInterval', /"0ms"/],
  [{ storage: { size: '0' } }, 'spec.storage.size', /must be above 0/],
  [
    { storage: { retention: { whenScaled: 'Keep' } } },
    'spec.storage.retention.whenScaled',
    /"Keep": supported values: "Delete", "Retain"/,
  ],
  [
    { podTemplate: { antiAffinity: 'Never' } },
    'spec.podTemplate.antiAffinity',
    /"Never": supported values: "Preferred", "Required"/,
  ],
  [
    { podTemplate: { terminationGracePeriodSeconds: 0 } },
    'spec.podTemplate.terminationGracePeriodSeconds',
    /should be greater than or equal to 5/,
  ],
  [
    { podTemplate: { topologySpreadConstraints: [{}] } },
    'spec.podTemplate.topologySpreadConstraints[0].topologyKey',
    /Required value/,
  ],
  [
    { loadBalancing: { strategy: 'Random' } },
    'spec.loadBalancing.strategy',
    /"Random": supported values: "RoundRobin"/,
  ],
  ...REFUSED_BACKUPS,
  ...REFUSED_POLICIES,
];
