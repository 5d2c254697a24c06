import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

/** Bytes below which a compressed file saves nothing worth its place. */
const SMALLEST = 1024;

/**
 * Puts a compressed form beside every text of the build, as small as gzip makes it: the binary holds
 * that form alone, and nginx sends it as it lies there. The same input gives the same bytes.
 */
export function compressed(): Plugin {
  let folder = 'dist';
  return {
    name: 'compressed',
    apply: 'build',
    configResolved(config) {
      folder = path.resolve(config.root, config.build.outDir);
    },
    async closeBundle() {
      for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !/\.(js|css|html|svg)$/.test(entry.name)) continue;
        const file = path.join(entry.parentPath, entry.name);
        const content = await readFile(file);
        if (content.length >= SMALLEST) await writeFile(`${file}.gz`, gzipSync(content, { level: 9 }));
      }
    },
  };
}
