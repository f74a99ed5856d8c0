// What four tools make of a FHIR package: node read_package.mjs FOLDER NAME VERSION...
// FOLDER holds NAME-VERSION.tgz, and the same unpacked in NAME-VERSION. Nothing is fetched.
import { createReadStream, mkdtempSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { CanonicalManager } from "@atomic-ehr/fhir-canonical-manager";
import { FhirPackageInstaller } from "fhir-package-installer";

const { Fhir } = createRequire(import.meta.url)("fhir");
const packages = createRequire(import.meta.url)("fhir-package-loader");
const [folder, name, ...versions] = process.argv.slice(2);
const archive = (version) => join(folder, `${name}-${version}.tgz`);
const unpacked = (version) => join(folder, `${name}-${version}`, "package");
const empty = () => mkdtempSync(join(folder, "cache-"));

async function loaded() {
  const said = [];
  const log = (level, message) => ["warn", "error"].includes(level) && said.push(message);
  const cache = new packages.DiskBasedPackageCache(empty(), { log });
  const database = new packages.SQLJSPackageDB();
  await database.initialize();
  const registry = {
    resolveVersion: async (_, version) => version,
    download: async () => Promise.reject(new Error("nothing is fetched")),
  };
  const loader = new packages.BasePackageLoader(database, cache, registry, {}, { log });
  const status = [];
  for (const version of versions) {
    await cache.cachePackageTarball(name, version, createReadStream(archive(version)));
    status.push(await loader.loadPackage(name, version));
  }
  const found = loader.findResourceInfos("*");
  return {
    said,
    status,
    resources: found.map((one) => [one.resourceType, one.id, one.url, one.version]),
    contents: found.map((one) =>
      loader.findResourceJSON(`${one.url}|${one.version}`, { type: [one.resourceType] }),
    ),
  };
}

async function installed() {
  const installer = new FhirPackageInstaller({ cachePath: empty(), registryUrl: "n/a" });
  const options = { installDependencies: false };
  const version = versions[0];
  const done = await installer.installLocalPackage(archive(version), options);
  const index = await installer.getPackageIndexFile({ id: name, version });
  return {
    done,
    resources: index.files.map((one) => [one.resourceType, one.id, one.url, one.version]),
  };
}

async function managed() {
  const version = versions[0];
  const manager = CanonicalManager({ packages: [], workingDir: empty(), packageManager: "npm" });
  await manager.addLocalPackage({ name, version, path: unpacked(version) });
  await manager.init();
  const entries = await manager.searchEntries({});
  const resolved = [];
  for (const one of entries) {
    resolved.push(await manager.resolve(one.url, { version: one.version }));
  }
  await manager.destroy();
  return { contents: resolved };
}

function validated() {
  const validator = new Fhir();
  const path = unpacked(versions[0]);
  return readdirSync(path)
    .filter((file) => /^[A-Z].*\.json$/.test(file))
    .map((file) => {
      const resource = JSON.parse(readFileSync(join(path, file), "utf-8"));
      const { valid, messages } = validator.validate(resource, { errorOnUnexpected: true });
      return [file, valid, messages.map(({ severity, message }) => [severity, message])];
    });
}

const console_log = console.log;
console.log = console.error;
const found = {
  loaded: await loaded(),
  installed: await installed(),
  managed: await managed(),
  validated: validated(),
};
console_log(JSON.stringify(found));
