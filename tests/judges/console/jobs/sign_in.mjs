// People of the company sign in at its own provider's pages: somebody without a role, a viewer, an operator, an admin.
import { strict as assert } from "node:assert";
import { link, person } from "../browser.mjs";

const { TENANT, SIGN_IN } = process.env;
const detail = `/integrations/${SIGN_IN}`;
const places = (page) => page.locator("nav.side a").evaluateAll((links) => links.map((one) => new URL(one.href).pathname.split("/console")[1]));
const submit = "button[type=submit]";

/** Signs in from the console's own page; whoever is `login` says at the provider who they are and with which roles. */
const signIn = async (browser, login) => {
  const context = await person(browser);
  const page = await context.newPage();
  await page.goto(link("/account"));
  await page.fill("#tenant", TENANT);
  await page.click("form:has(#tenant) button");
  // The console's page goes on by itself.
  await page.waitForSelector("input[name=login]");
  await page.fill("input[name=login]", login);
  await page.fill("input[name=password]", "x");
  await page.click(submit);
  await page.locator("text=Continue").click();
  await page.waitForURL((url) => url.href.startsWith(link("")));
  return { context, page };
};

export const job = async ({ browser, page: admins, say }) => {
  const nobody = await signIn(browser, "nora:Guest");
  assert.match(await nobody.page.locator("h1").innerText(), /no role here/);
  assert.ok((await nobody.page.content()).includes("nora@acme.example"), "who they are");
  await nobody.page.goto(link(""));
  assert.match(nobody.page.url(), /sign-in$/, "and no session");
  await nobody.context.close();

  const viewer = await signIn(browser, "vera:Trunkline.Viewer");
  assert.equal(viewer.page.url(), link("/account"), "the page that was asked for");
  assert.ok((await viewer.page.locator("main").innerText()).includes("vera@acme.example"));
  const seen = await places(viewer.page);
  assert.ok(seen.includes("/integrations") && seen.includes("/logs") && !seen.includes("/keys") && !seen.includes("/audit"), String(seen));
  await viewer.page.goto(link(detail));
  assert.equal(await viewer.page.locator("main form[method=post]").count(), 0, "a viewer has nothing to press");
  const csrf = await viewer.page.locator("header input[name=csrf]").getAttribute("value");
  const forced = await viewer.page.request.post(link("/keys/new"), { form: { csrf, name: "x", scope: "*" }, headers: { origin: new URL(link("")).origin } });
  assert.equal(forced.status(), 403);

  const operator = await signIn(browser, "omar:Trunkline.Operator");
  await operator.page.goto(link(detail));
  await operator.page.click("form[action$='/test'] button");
  assert.match(await operator.page.locator(".toast").innerText(), /passed/);
  assert.equal(await operator.page.locator("a[href$='/edit'], form[action$='/disable'], a[href$='/delete']").count(), 0);
  await operator.page.goto(link("/keys"));
  assert.match(await operator.page.locator("main").innerText(), /403/);

  const admin = await signIn(browser, "amal:Trunkline.Admin");
  assert.ok((await places(admin.page)).includes("/keys"));
  await admin.page.goto(link(detail));
  const [tried] = await Promise.all([admin.context.waitForEvent("page"), admin.page.click("form[action$='/sign-in-test'] button")]);
  await tried.waitForURL(/sign-in\/callback/);
  assert.match(await tried.locator("h1").innerText(), /Sign-in works/);
  await tried.close();
  await admin.page.goto(link("/account"));
  await admin.page.click("header form[action$='/sign-out'] button");
  await admin.page.goto(link("/account"));
  assert.match(admin.page.url(), /sign-in\?next/, "signed out");
  say({ people: "a viewer, an operator, an admin, and somebody without a role" });

  // Whoever disables the sign-in signs everybody out who came by it.
  await admins.goto(link(detail));
  await admins.click("form[action$='/disable'] button");
  await admins.waitForSelector(".toast.good");
  await viewer.page.goto(link(detail));
  assert.match(viewer.page.url(), /sign-in/, "signed out by an admin");
  await viewer.page.fill("#tenant", TENANT);
  await viewer.page.click("form:has(#tenant) button");
  assert.match(await viewer.page.locator("[role=alert]").innerText(), /Nobody signs in here/);
  await admins.goto(link(detail));
  await admins.click("form[action$='/enable'] button");
  await admins.waitForSelector(".toast.good");
  await viewer.page.goto(link(`/sign-in/${TENANT}`));
  await viewer.page.waitForURL((url) => url.href === link(""), { timeout: 10_000 });
  say({ sign_in: "ended by disabling it, back by enabling it" });
  for (const { context } of [viewer, operator, admin]) await context.close();
};

export const pages = async () => [["sign-in-integration", detail]];
