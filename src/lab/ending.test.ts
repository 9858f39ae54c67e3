import { expect, it } from 'vitest';
import { Ending } from './ending.ts';

it('takes each step whatever becomes of the others, and again only those that failed', async () => {
  const taken: string[] = [];
  let isBroken = true;
  const breaks = (name: string) => () => {
    taken.push(name);
    if (isBroken) throw new Error(`${name} is broken`);
  };
  const ending = new Ending([breaks('a'), () => taken.push('b'), breaks('c'), async () => taken.push('d')]);
  await expect(ending.run()).rejects.toThrow('a is broken; c is broken');
  expect(taken).toEqual(['a', 'b', 'c', 'd']);
  isBroken = false;
  await ending.run();
  expect(taken).toEqual(['a', 'b', 'c', 'd', 'a', 'c']);
});
