/* Draws the page from the OpenAPI document, and sends the requests that are tried. Texts only ever become text nodes. */
"use strict";

let description = {};

/** An element with attributes and children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** What a reference refers to; anything else is itself. */
function resolved(item) {
  if (!item || !item.$ref) return item || {};
  return item.$ref.slice(2).split("/").reduce((part, key) => part[key], description);
}

function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** A schema in a few words: its type and its limits. */
function inWords(schema) {
  if (schema.$ref) return schema.$ref.split("/").pop();
  const options = schema.anyOf || schema.oneOf;
  if (options) return options.map(inWords).join(" or ");
  if (schema.enum) return `one of ${schema.enum.map((value) => JSON.stringify(value)).join(", ")}`;
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  const words = [[].concat(schema.type || "anything").join(" or ")];
  if (schema.items) words.push(`of ${inWords(schema.items)}`);
  if (schema.format) words.push(`(${schema.format})`);
  const limits = [
    ["minimum", "from"], ["maximum", "up to"], ["minItems", "at least"], ["maxItems", "at most"],
    ["minLength", "characters, at least"], ["maxLength", "characters, at most"], ["maxProperties", "keys, at most"],
  ];
  for (const [key, word] of limits) if (schema[key] !== undefined) words.push(`${word} ${schema[key].toLocaleString("en")}`);
  return words.join(" ");
}

function table(head, rows) {
  const cells = (kind, row) => make("tr", {}, ...row.map((cell) => make(kind, {}, cell)));
  return make("div", { class: "wide", tabindex: "0" },
    make("table", {}, make("thead", {}, cells("th", head)), make("tbody", {}, ...rows.map((row) => cells("td", row)))));
}

function code(text) {
  return make("code", {}, text);
}

/** A paragraph; what stands in backticks is code. */
function paragraph(text) {
  return make("p", {}, ...text.split("`").map((part, index) => (index % 2 ? code(part) : part)));
}

/** Sends one request, and shows status, time, request id and answer. */
async function send(method, path, headers, body, shown) {
  const before = performance.now();
  try {
    const answer = await fetch(path, { method, headers, body });
    const text = await answer.text();
    const isJson = (answer.headers.get("Content-Type") || "").includes("json") && text.trim();
    const id = answer.headers.get("X-Request-ID");
    const took = Math.round(performance.now() - before);
    shown.firstChild.textContent = `${answer.status} after ${took} ms${id ? `, request ${id}` : ""}`;
    shown.lastChild.textContent = isJson ? pretty(JSON.parse(text)) : text;
  } catch (problem) {
    shown.firstChild.textContent = "There was no answer. Check that the Risk-O-Meter runs, and try again.";
    shown.lastChild.textContent = String(problem.message || problem);
  }
  shown.hidden = false;
}

/** The form in which a request is written and sent. */
function tryIt(method, path, operation, name) {
  const form = make("form", {});
  const content = operation.requestBody ? operation.requestBody.content : {};
  const types = Object.keys(content);
  const kind = make("select", { "aria-label": `Content type of ${name}` }, ...types.map((type) => make("option", {}, type)));
  const body = make("textarea", { "aria-label": `Body of ${name}`, spellcheck: "false" });
  const fill = () => { body.value = pretty((content[kind.value] || {}).example || ""); };
  const inputs = (operation.parameters || []).map(resolved).filter((parameter) => parameter.in === "header").map(
    (parameter) => make("input", { name: parameter.name, "aria-label": parameter.name, placeholder: parameter.name }));
  const button = make("button", { type: "submit" }, "Try it");
  const shown = make("div", { hidden: "", role: "status" }, make("p", {}), make("pre", { tabindex: "0" }));
  const line = make("div", { class: "try" }, ...(types.length ? [kind] : []), ...inputs, button);
  if (types.length) {
    fill();
    kind.addEventListener("change", fill);
    form.append(make("h3", {}, "Body"), body);
  }
  form.append(line, shown);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const headers = types.length ? { "Content-Type": kind.value } : {};
    for (const input of inputs) if (input.value) headers[input.name] = input.value;
    await send(method, path, headers, types.length ? body.value : undefined, shown);
    button.disabled = false;
  });
  return form;
}

/** One status: what it means, and an answer as it would be given. */
function answers(operation) {
  const rows = Object.entries(operation.responses).map(([status, reference]) => {
    const response = resolved(reference);
    const content = Object.values(response.content || {})[0] || {};
    const examples = Object.entries(content.examples || {});
    const cell = examples.length
      ? make("div", {}, ...examples.map(([key, example]) => make("p", {}, code(key), ` ${example.value.error.message}`)))
      : make("p", {}, `${response.description}: `, code(inWords(content.schema || {})));
    return [code(status), cell];
  });
  const parts = [make("h3", {}, "Answers"), table(["Status", "Answer"], rows)];
  const example = ((operation.responses["200"].content || {})["application/json"] || {}).example;
  if (example) parts.push(make("h3", {}, "Example of an answer"), make("pre", { tabindex: "0" }, pretty(example)));
  return parts;
}

/** One address. It is filled when it is first opened. */
function route(path, method, operation) {
  const name = `${method.toUpperCase()} ${path}`;
  const inside = make("div", {});
  const details = make("details", { class: "route" },
    make("summary", {}, make("strong", {}, method.toUpperCase()), make("b", {}, path), make("span", {}, operation.summary)),
    inside);
  details.addEventListener("toggle", () => {
    if (inside.childElementCount) return;
    inside.append(paragraph(operation.description || ""));
    const parameters = (operation.parameters || []).map(resolved);
    if (parameters.length) {
      const rows = parameters.map((one) => [code(one.name), inWords(one.schema), one.description || ""]);
      inside.append(make("h3", {}, "Headers"), table(["Name", "Type", "Meaning"], rows));
    }
    if (method === "post" && path !== "/api/v1/decisions/search") {
      inside.append(make("p", {}, make("strong", {}, "A request tried here is a real one: "),
        "what it decides or reports goes into the decision log."));
    }
    inside.append(tryIt(method.toUpperCase(), path, operation, name), ...answers(operation));
  });
  return details;
}

/** One schema: its fields, with type and limits. */
function schemaOf(name, schema) {
  const required = new Set(schema.required || []);
  const rows = Object.entries(schema.properties || {}).map(([key, field]) => [
    code(key), required.has(key) ? "yes" : "", inWords(field), field.description || "",
  ]);
  return make("details", { class: "route" },
    make("summary", {}, make("b", {}, name), make("span", {}, schema.title && schema.title !== name ? schema.title : "")),
    make("div", {}, make("p", {}, schema.description || ""), table(["Key", "Needed", "Type and limits", "Meaning"], rows)));
}

async function draw() {
  const about = document.getElementById("about");
  try {
    description = await (await fetch("/api/v1/openapi.json")).json();
  } catch {
    about.textContent = "The description cannot be read. Check that the Risk-O-Meter runs, and reload the page.";
    return;
  }
  const { info, paths, components } = description;
  about.replaceChildren(`${info.description} Version ${info.version}; for programs: `,
    make("a", { href: "/api/v1/openapi.json" }, "openapi.json"), ".");
  for (const [path, methods] of Object.entries(paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      document.getElementById("routes").append(route(path, method, operation));
    }
  }
  for (const [name, schema] of Object.entries(components.schemas)) {
    document.getElementById("schemas").append(schemaOf(name, schema));
  }
}

draw();
