import { AUTO } from './auto.ts';
import { httpTalk } from './http.ts';
import { MQTT } from './mqtt.ts';
import { MYSQL } from './mysql.ts';
import { POSTGRES } from './postgres.ts';
import { REDIS } from './redis.ts';
import { SMTP } from './smtp.ts';
import { SSH } from './ssh.ts';
import type { Talk } from './talk.ts';

/** The protocols that `--talk` names; `https` is `http` in TLS. */
export const READY_TALKS: Readonly<Record<string, Talk>> = {
  http: httpTalk('/', 'tcplab'),
  https: { ...httpTalk('/', 'tcplab'), name: 'https' },
  redis: REDIS,
  postgres: POSTGRES,
  mysql: MYSQL,
  smtp: SMTP,
  ssh: SSH,
  mqtt: MQTT,
  none: { ...AUTO, name: 'none' },
};
