/** A world before stub servers, for tests that need servers which differ; both end with the test. */
import type { TestContext } from 'node:test';
import { startStub, type StubOptions, type StubServer } from './stub-server.ts';
import { startWorld, type World, type WorldOptions } from './world.ts';

/** A pod for each of `stubs`. */
export async function scene(
  t: TestContext,
  stubs: readonly StubOptions[],
  options: Omit<WorldOptions, 'backends'> = {},
): Promise<{ world: World; stubs: readonly StubServer[] }> {
  const started = await Promise.all(stubs.map((each) => startStub(each)));
  const world = await startWorld({ ...options, backends: started.map(({ port }) => port) });
  t.after(async () => {
    await world.stop();
    await Promise.all(started.map((stub) => stub.stop()));
  });
  return { world, stubs: started };
}
