/** The exit statuses of every command. */
export const EXIT = { proven: 0, notProven: 1, wrongUse: 2, machineCannot: 3 } as const;
