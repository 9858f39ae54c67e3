import { ALL_COMMANDS } from './all-commands.ts';
import { tcplab } from './tcplab.ts';

void tcplab(ALL_COMMANDS);
