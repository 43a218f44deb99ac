/** The dashboard of what clients get: requests, sessions, moves, limits. */
import { CLUSTERS, MEMBERS, type Dashboard, type Row } from './model.ts';

const RATE = '[$__rate_interval]';

const overview: Row = {
  title: 'Overview',
  panels: [
    {
      title: 'Sessions',
      description: 'Of all pods.',
      kind: 'stat',
      unit: 'short',
      queries: [{ expr: `sum(mcp_cluster_sessions{${CLUSTERS}})`, legend: 'sessions' }],
    },
    {
      title: 'Requests',
      description: 'A second.',
      kind: 'stat',
      unit: 'reqps',
      queries: [
        {
          expr: `sum(rate(mcp_cluster_gateway_requests_total{${MEMBERS}}${RATE}))`,
          legend: 'requests',
        },
      ],
    },
    {
      title: 'Failed requests',
      description: 'Share answered with 5xx.',
      kind: 'stat',
      unit: 'percentunit',
      queries: [
        {
          expr: `(sum(rate(mcp_cluster_gateway_requests_total{${MEMBERS},status=~"5.."}${RATE})) or vector(0)) / clamp_min(sum(rate(mcp_cluster_gateway_requests_total{${MEMBERS}}${RATE})), 1e-9)`,
          legend: 'failed',
        },
      ],
      redFrom: 0.05,
    },
    {
      title: 'Moves in the last hour',
      description: 'Sessions that another pod took over.',
      kind: 'stat',
      unit: 'short',
      queries: [
        {
          expr: `sum(increase(mcp_cluster_gateway_session_moves_total{${MEMBERS},result="moved"}[1h]))`,
          legend: 'moves',
        },
      ],
    },
  ],
};

const requests: Row = {
  title: 'Requests',
  panels: [
    {
      title: 'Requests by method',
      description: 'Of JSON-RPC, or of HTTP where there is none.',
      kind: 'series',
      unit: 'reqps',
      stacked: true,
      queries: [
        {
          expr: `sum by (method) (rate(mcp_cluster_gateway_requests_total{${MEMBERS}}${RATE}))`,
          legend: '{{method}}',
        },
      ],
    },
    {
      title: 'Requests by status',
      description: 'Of HTTP.',
      kind: 'series',
      unit: 'reqps',
      stacked: true,
      queries: [
        {
          expr: `sum by (status) (rate(mcp_cluster_gateway_requests_total{${MEMBERS}}${RATE}))`,
          legend: '{{status}}',
        },
      ],
    },
    {
      title: 'Time until the answer',
      description: 'Percentiles of all requests; a stream counts until it is open.',
      kind: 'series',
      unit: 's',
      queries: [0.5, 0.95, 0.99].map((quantile) => ({
        expr: `histogram_quantile(${quantile}, sum by (le) (rate(mcp_cluster_gateway_request_duration_seconds_bucket{${MEMBERS}}${RATE})))`,
        legend: `p${quantile * 100}`,
      })),
    },
    {
      title: 'Time of tools',
      description: '99th percentile of tools/call, by pod that took the request.',
      kind: 'series',
      unit: 's',
      queries: [
        {
          expr: `histogram_quantile(0.99, sum by (pod, le) (rate(mcp_cluster_gateway_request_duration_seconds_bucket{${MEMBERS},method="tools/call"}${RATE})))`,
          legend: '{{pod}}',
        },
      ],
    },
    {
      title: 'Under way',
      description: 'Requests being handled, open streams, subscriptions.',
      kind: 'series',
      unit: 'short',
      queries: [
        { expr: `sum(mcp_cluster_gateway_requests_in_flight{${MEMBERS}})`, legend: 'requests' },
        { expr: `sum(mcp_cluster_gateway_streams{${MEMBERS}})`, legend: 'streams' },
        { expr: `sum(mcp_cluster_gateway_listens{${MEMBERS}})`, legend: 'subscriptions' },
      ],
    },
    {
      title: 'Sent on to another pod',
      description: 'Requests that came to another pod than the owner of their session.',
      kind: 'series',
      unit: 'reqps',
      queries: [
        {
          expr: `sum by (pod) (rate(mcp_cluster_gateway_forwarded_total{${MEMBERS}}${RATE}))`,
          legend: '{{pod}}',
        },
      ],
    },
  ],
};

const sessions: Row = {
  title: 'Sessions and failover',
  panels: [
    {
      title: 'Sessions by owner',
      description: 'Each session is served by one pod.',
      kind: 'series',
      unit: 'short',
      stacked: true,
      queries: [
        {
          expr: `sum by (pod) (mcp_cluster_gateway_sessions_owned{${MEMBERS}})`,
          legend: '{{pod}}',
        },
      ],
    },
    {
      title: 'Moves by reason and result',
      description: 'Sessions that a pod took over, or tried to.',
      kind: 'series',
      unit: 'short',
      queries: [
        {
          expr: `sum by (reason, result) (increase(mcp_cluster_gateway_session_moves_total{${MEMBERS}}${RATE}))`,
          legend: '{{reason}}: {{result}}',
        },
      ],
    },
    {
      title: 'Time of a move',
      description:
        'From the decision to take a session over until it is served, on average since each pod began, and how many took longer than half a second.',
      kind: 'series',
      unit: 's',
      queries: [
        {
          expr: `sum(mcp_cluster_gateway_session_move_seconds_sum{${MEMBERS}}) / clamp_min(sum(mcp_cluster_gateway_session_move_seconds_count{${MEMBERS}}), 1)`,
          legend: 'average',
        },
      ],
    },
    {
      title: 'Lost, repeated, expired',
      description:
        'Requests lost with their pod and told so; requests sent again; requests that took longer than they may; sessions nobody used.',
      kind: 'series',
      unit: 'ops',
      queries: [
        {
          expr: `sum(rate(mcp_cluster_gateway_requests_lost_total{${MEMBERS}}${RATE}))`,
          legend: 'lost',
        },
        {
          expr: `sum(rate(mcp_cluster_gateway_requests_retried_total{${MEMBERS}}${RATE}))`,
          legend: 'sent again',
        },
        {
          expr: `sum(rate(mcp_cluster_gateway_requests_expired_total{${MEMBERS}}${RATE}))`,
          legend: 'took too long',
        },
        {
          expr: `sum(rate(mcp_cluster_gateway_sessions_expired_total{${MEMBERS}}${RATE}))`,
          legend: 'sessions expired',
        },
      ],
    },
    {
      title: 'Events kept for others',
      description:
        'Copies of streams’ events that a pod keeps, so that they can be resumed when their owner dies.',
      kind: 'series',
      unit: 'bytes',
      queries: [
        {
          expr: `sum by (pod) (mcp_cluster_gateway_events_held_bytes{${MEMBERS}})`,
          legend: '{{pod}}',
        },
      ],
    },
    {
      title: 'Sessions handed over',
      description: 'By pods that were told to leave.',
      kind: 'series',
      unit: 'ops',
      queries: [
        {
          expr: `sum by (result) (rate(mcp_cluster_gateway_sessions_handed_over_total{${MEMBERS}}${RATE})) or vector(0)`,
          legend: '{{result}}',
        },
      ],
    },
  ],
};

const limits: Row = {
  title: 'Limits and health',
  panels: [
    {
      title: 'Rejected',
      description: 'By bulkheads, rate limits, other limits, and because of who asked.',
      kind: 'series',
      unit: 'reqps',
      queries: [
        ['bulkhead_rejected', 'bulkheads'],
        ['rate_rejected', 'rate limits'],
        ['limited', 'other limits'],
        ['unauthorized', 'not allowed'],
      ].map(([name, legend]) => ({
        expr: `sum(rate(mcp_cluster_gateway_${name}_total{${MEMBERS}}${RATE})) or vector(0)`,
        legend: legend as string,
      })),
    },
    {
      title: 'Bulkheads',
      description: 'Requests inside and waiting.',
      kind: 'series',
      unit: 'short',
      queries: [
        {
          expr: `sum by (bulkhead) (mcp_cluster_gateway_bulkhead_in_use{${MEMBERS}}) or vector(0)`,
          legend: 'inside {{bulkhead}}',
        },
        {
          expr: `sum by (bulkhead) (mcp_cluster_gateway_bulkhead_queued{${MEMBERS}}) or vector(0)`,
          legend: 'waiting {{bulkhead}}',
        },
      ],
    },
    {
      title: 'Servers that answer',
      description: 'MCP servers, by the gateway beside each.',
      kind: 'series',
      unit: 'short',
      queries: [{ expr: `sum(mcp_cluster_gateway_backend_up{${MEMBERS}})`, legend: 'servers' }],
    },
    {
      title: 'Breakers and ejections',
      description: 'Circuit breakers that are not closed, and pods that get no new work.',
      kind: 'series',
      unit: 'short',
      queries: [
        {
          expr: `sum(mcp_cluster_gateway_breakers_open{${MEMBERS}}) or vector(0)`,
          legend: 'breakers',
        },
        {
          expr: `sum(mcp_cluster_gateway_pod_ejected{${MEMBERS}}) or vector(0)`,
          legend: 'ejected',
        },
      ],
    },
  ],
};

export const SESSIONS_DASHBOARD: Dashboard = {
  uid: 'mcp-sessions',
  title: 'MCP / Sessions and failover',
  description: 'What clients get: requests, sessions, moves between pods, limits.',
  perCluster: true,
  rows: [overview, requests, sessions, limits],
};
