// Jest runs ES modules in a context of its own, which lacks the two symbols of `using` that Node 20 has only in its main one.
// A class takes them when its module runs, so this comes before all other modules.
const symbols = Symbol as unknown as Record<'dispose' | 'asyncDispose', symbol | undefined>;
symbols.dispose ??= Symbol('Symbol.dispose');
symbols.asyncDispose ??= Symbol('Symbol.asyncDispose');
