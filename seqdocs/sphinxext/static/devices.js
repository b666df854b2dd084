// The switch between the devices of a page. The page loads this script below its title and nowhere else, before
// anything that it hides is drawn; the script's own data-devices names the devices, the first is shown unless another
// was chosen before. Without script everything is shown, each with the name of its device.
(() => {
  "use strict";
  const maker = document.currentScript;
  const devices = JSON.parse(maker.dataset.devices);
  const KEY = "device";
  const sheet = new CSSStyleSheet();
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];

  const element = (name, attributes, ...children) => {
    const made = Object.assign(document.createElement(name), attributes);
    made.append(...children);
    return made;
  };

  // A page opened from a folder may forbid storage; the choice then holds for this page.
  const remembered = () => { try { return localStorage.getItem(KEY); } catch { return null; } };
  const remember = (slug) => { try { localStorage.setItem(KEY, slug); } catch { /* see above */ } };

  const radios = devices.map(({ slug }) => element("input", { type: "radio", name: "device", value: slug, autocomplete: "off" }));
  const labels = devices.map(({ name, here }, index) =>
    element("label", {}, radios[index], `${name} `, element("small", {}, here ? "this build" : "recorded")));
  const said = element("p", { className: "visually-hidden", role: "status" });

  const show = (slug) => {
    const own = JSON.stringify(slug);
    sheet.replaceSync(`
      [data-device]:not([data-device=${own}]), .on-device { display: none !important; }
      [data-absent=${own}] { display: block !important; }
      span[data-absent=${own}] { display: inline !important; }`);
    document.documentElement.dataset.shownDevice = slug;
    for (const radio of radios) radio.checked = radio.value === slug;
    document.dispatchEvent(new Event("devicechange", { bubbles: true }));
  };
  const showRemembered = () => {
    const slug = remembered();
    show((devices.find((device) => device.slug === slug) ?? devices[0]).slug);
  };

  const fieldset = element("fieldset", { className: "device-switch" }, element("legend", {}, "Measured on"), ...labels, said);
  fieldset.addEventListener("change", (event) => {
    remember(event.target.value);
    show(event.target.value);
    const { name } = devices.find((device) => device.slug === event.target.value);
    said.textContent = `Numbers, tables and figures are now those of ${name}.`;
  });
  maker.after(fieldset);
  showRemembered();
  addEventListener("pageshow", (event) => { if (event.persisted) showRemembered(); }); // back to a page kept as it was
})();
