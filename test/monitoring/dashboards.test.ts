/** The dashboards as Grafana takes them: nothing lies on top of another, and what is chosen at the top is asked for. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { grafanaDashboard } from '../../deploy/monitoring/dashboards/grafana.ts';
import { DASHBOARDS } from '../../deploy/monitoring/index.ts';

interface Grafana {
  readonly uid: string;
  readonly templating: { readonly list: readonly { readonly name: string }[] };
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly type: string;
    readonly gridPos: {
      readonly x: number;
      readonly y: number;
      readonly w: number;
      readonly h: number;
    };
    readonly datasource?: { readonly uid: string };
    readonly targets?: readonly { readonly refId: string; readonly expr: string }[];
  }[];
}

const made = Object.entries(DASHBOARDS).map(
  ([name, dashboard]) => [name, dashboard, grafanaDashboard(dashboard) as Grafana] as const,
);

test('panels have ids of their own and places of their own', () => {
  for (const [name, , { panels }] of made) {
    const ids = panels.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length, name);
    const cells = new Set<string>();
    for (const { title, gridPos } of panels) {
      assert.ok(gridPos.x + gridPos.w <= 24, `${name}: ${title}`);
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          assert.ok(!cells.has(`${x} ${y}`), `${name}: ${title} lies on another panel`);
          cells.add(`${x} ${y}`);
        }
      }
    }
  }
  assert.deepEqual(
    made.map(([, , { uid }]) => uid),
    ['mcp-operator', 'mcp-cluster', 'mcp-sessions'],
    'links and bookmarks hold these',
  );
});

test('every query asks the chosen data source for the chosen clusters', () => {
  for (const [name, { perCluster }, { panels, templating }] of made) {
    const variables = templating.list.map((variable) => variable.name);
    assert.deepEqual(variables, ['datasource', ...(perCluster ? ['namespace', 'cluster'] : [])]);
    const shown = panels.filter(({ type }) => type !== 'row');
    assert.ok(shown.length >= 10, name);
    for (const { title, datasource, targets = [] } of shown) {
      assert.equal(datasource?.uid, '${datasource}', title);
      assert.ok(targets.length > 0, title);
      assert.equal(new Set(targets.map(({ refId }) => refId)).size, targets.length, title);
      for (const { expr } of targets) {
        const selectors = [...expr.matchAll(/\{([^}]*)\}/g)].map(([, inside]) => inside ?? '');
        if (!perCluster) continue;
        assert.ok(selectors.length > 0, `${title}: ${expr}`);
        for (const inside of selectors) {
          assert.match(inside, /namespace=~"\$namespace",(name|mcp_cluster)=~"\$cluster"/, title);
        }
      }
    }
  }
});
