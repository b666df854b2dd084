"""The site's machinery: one module per component, each with its own ``setup_<component>``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx


def setup(app: Sphinx) -> dict[str, Any]:
    """Set up every component; those that others build on come first."""
    from seqdocs.sphinxext import (
        api,
        assets,
        cards,
        cells,
        citations,
        claim_list,
        claim_views,
        claims,
        contents,
        devices,
        editlinks,
        entry_index,
        exports,
        factbox,
        figures,
        footnotes,
        gallery_order,
        given,
        ledger,
        leftovers,
        library,
        links,
        measured,
        measured_tables,
        mirror,
        navigation,
        pagedata,
        records,
        refresh,
        search,
        settings,
        source_texts,
        stale,
        terms,
    )

    settings.setup_settings(app)
    pagedata.setup_pagedata(app)
    refresh.setup_refresh(app)
    mirror.setup_mirror(app)
    contents.setup_contents(app)
    library.setup_library(app)
    terms.setup_terms(app)
    links.setup_links(app)
    navigation.setup_navigation(app)
    factbox.setup_factbox(app)
    cards.setup_cards(app)
    citations.setup_citations(app)
    entry_index.setup_entry_index(app)
    records.setup_records(app)
    devices.setup_devices(app)
    measured.setup_measured(app)
    measured_tables.setup_measured_tables(app)
    footnotes.setup_footnotes(app)
    given.setup_given(app)
    claim_list.setup_claim_list(app)
    claims.setup_claims(app)
    claim_views.setup_claim_views(app)
    source_texts.setup_source_texts(app)
    ledger.setup_ledger(app)
    figures.setup_figures(app)
    gallery_order.setup_gallery_order(app)
    assets.setup_assets(app)
    search.setup_search(app)
    stale.setup_stale(app)
    cells.setup_cells(app)
    api.setup_api(app)
    editlinks.setup_editlinks(app)
    leftovers.setup_leftovers(app)
    exports.setup_exports(app)
    app.setup_extension("seqdocs.sphinxext.maths")
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
