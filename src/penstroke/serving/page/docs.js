"use strict";
// Shows the service's OpenAPI document without loading anything from another host
function make(name, text = "", ...children) {
  const made = document.createElement(name);
  made.append(text, ...children);
  return made;
}

function resolved(schema, schemas) {
  if (Array.isArray(schema)) return schema.map((part) => resolved(part, schemas));
  if (!schema || typeof schema !== "object") return schema;
  if (schema.$ref) return resolved(schemas[schema.$ref.split("/").pop()], schemas);
  return Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, resolved(part, schemas)]));
}

function contents(title, content, schemas) {
  return Object.entries(content ?? {}).map(([type, { schema }]) =>
    make("details", "", make("summary", `${title} ${type}`), make("pre", JSON.stringify(resolved(schema, schemas), null, 1))));
}

async function begin() {
  const document = await (await fetch("openapi.json")).json();
  const schemas = document.components?.schemas ?? {};
  for (const [path, calls] of Object.entries(document.paths)) {
    for (const [method, told] of Object.entries(calls)) {
      const answers = Object.entries(told.responses).map(([status, { description }]) => make("li", `${status}: ${description}`));
      window.calls.append(
        make("h2", `${method.toUpperCase()} ${path}`),
        make("p", told.description),
        ...contents("body", told.requestBody?.content, schemas),
        ...contents("answer", told.responses[200]?.content, schemas),
        make("ul", "", ...answers),
      );
    }
  }
}
begin().catch(() => window.calls.append(make("p", "The service cannot be reached; try again later.")));
