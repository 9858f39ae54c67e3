export { type ErrorCode, SystemError, TcplabError } from './error.ts';
