/** The library that makes certificates; loaded only by what signs them, since it costs several megabytes. */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

export { x509 };
