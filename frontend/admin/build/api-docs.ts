import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import type { Plugin } from 'vite';

/**
 * Puts the API reference viewer into the build as `docs/scalar.js`, so that the pages at
 * `/docs` work without a network. The viewer's browser build holds everything it needs.
 */
export function apiDocs(): Plugin {
  return {
    name: 'api-docs',
    apply: 'build',
    async generateBundle() {
      const viewer = createRequire(import.meta.url).resolve('@scalar/api-reference/browser/standalone.js');
      const source = await readFile(viewer, 'utf8');
      this.emitFile({ type: 'asset', fileName: 'docs/scalar.js', source });
    },
  };
}
