// A web server for `tcplab check` and `tcplab run --server`: it answers every request with a line.
import { createServer } from 'node:http';

createServer((_request, response) => response.end('hello\n')).listen(8080);
