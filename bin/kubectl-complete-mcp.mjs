#!/usr/bin/env node
// What kubectl's completion asks as `kubectl_complete-mcp`: the words typed so far, the last one unfinished.
process.argv.splice(2, 0, '__complete');
await import('./kubectl-mcp.mjs');
