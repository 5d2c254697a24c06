/**
 * Makes the typed API client's types from the checked-in OpenAPI descriptions.
 *
 *   node build/generate.mjs           writes src/api/{core,registry}.gen.ts
 *   node build/generate.mjs --check   writes nothing; exits 1 if a file is not what it would write
 *
 * OPENAPI_DIR names another folder than docs/openapi of the repository.
 */
import { access, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import openapiTS, { astToString } from 'openapi-typescript';

const console_ = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const descriptions = process.env.OPENAPI_DIR ?? path.resolve(console_, '../../docs/openapi');
const checking = process.argv.includes('--check');

function fail(sentence) {
  console.error(sentence);
  process.exit(1);
}

async function generated(service) {
  const file = path.join(descriptions, `${service}.json`);
  try {
    await access(file);
  } catch {
    fail(`${file} is missing; write it with \`saas openapi\` and try again.`);
  }
  const ast = await openapiTS(pathToFileURL(file), {
    alphabetize: true,
    emptyObjectsUnknown: true,
    // A field with a default may be left out of a request.
    defaultNonNullable: false,
  });
  return `// Generated from docs/openapi/${service}.json by \`npm run generate\`. Do not edit.\n\n${astToString(ast)}`;
}

const stale = [];
for (const service of ['core', 'registry']) {
  const target = path.join(console_, 'src', 'api', `${service}.gen.ts`);
  const wanted = await generated(service);
  const present = await readFile(target, 'utf8').catch(() => '');
  if (present === wanted) continue;
  if (checking) stale.push(path.relative(console_, target));
  else await writeFile(target, wanted);
}
if (stale.length > 0) {
  fail(`Stale: ${stale.join(', ')}. Run \`npm run generate\` and commit the result.`);
}
