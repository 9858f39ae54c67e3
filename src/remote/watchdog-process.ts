import { watch } from './watchdog.ts';

const [, , journal = '', agent = ''] = process.argv;
watch(journal, agent);
