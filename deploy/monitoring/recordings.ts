/** Series that are computed all the time. Names as Prometheus recommends: level:metric:operations. */
import type { Recording } from './model.ts';

export const RECORDINGS: readonly Recording[] = [
  {
    record: 'namespace_mcp_cluster:mcp_cluster_gateway_requests:rate5m',
    expr: 'sum by (namespace, mcp_cluster) (rate(mcp_cluster_gateway_requests_total[5m]))',
  },
  {
    record: 'namespace_mcp_cluster:mcp_cluster_gateway_request_failures:ratio_rate5m',
    expr: `sum by (namespace, mcp_cluster) (rate(mcp_cluster_gateway_requests_total{status=~"5.."}[5m]))
/
namespace_mcp_cluster:mcp_cluster_gateway_requests:rate5m`,
  },
  {
    record: 'namespace_mcp_cluster:mcp_cluster_gateway_requests_lost:ratio_rate5m',
    expr: `sum by (namespace, mcp_cluster) (rate(mcp_cluster_gateway_requests_lost_total[5m]))
/
namespace_mcp_cluster:mcp_cluster_gateway_requests:rate5m`,
  },
];
