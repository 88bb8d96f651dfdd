"""Users: who may sign in and as what; added, changed and removed here."""

from __future__ import annotations

import streamlit as st

from dashboard import state, text
from dashboard.components import export
from service.access_views import UserView
from service.identity import ROLES, Role
from service.workspace import WorkspaceError

MEANS = {
    "viewer": "looks at everything, changes nothing",
    "operator": "acknowledges, silences, runs, retrains, deploys, sends rows",
    "admin": "does all, and decides on users, tokens, channels, sources, erasures, backups",
}
_COMMAND = "driftdeck user add NAME --role admin"


def draw() -> None:
    """Draw the list, with what can be done about each user."""
    found = state.workspace().users()
    st.caption("People sign in with a name and a password, or at your OpenID Connect provider. Times are in UTC.")
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if st.button("Add a user…", icon=":material/person_add:", key="new_user"):
            _add()
        export.table(found, name="users", key="users")
    if not found:
        st.markdown(
            "There is no user yet. On this machine nobody has to sign in; before others can reach Driftdeck, make an admin, here or with"
        )
        st.code(_COMMAND, language=None)
        return
    for position, view in enumerate(found):
        with st.container(
            border=True, horizontal=True, vertical_alignment="center", gap="small", key=f"user_{position}"
        ):
            _user(view, position)


def _user(view: UserView, position: int) -> None:
    st.markdown(f"**{text.plain(view['name'], 60)}**", width="content")
    st.badge(view["role"], color="gray")
    if view["disabled"]:
        st.badge("disabled", icon=":material/block:", color="gray")
    if view["signs_in"] == "provider":
        st.badge("provider", icon=":material/key:", color="gray")
    seen = f"last seen {text.moment(view['seen_at'], year=True)}" if view["seen_at"] else "has not signed in yet"
    browsers = f" · open in {text.plural(view['sessions'], 'browser')}" if view["sessions"] else ""
    st.caption(f"{seen}{browsers} · made by {text.plain(view['created_by'], 40)}", width="content")
    st.space("stretch")
    if st.button(
        "Change…", key=f"change_user_{position}", help=f"Role, password, access of {text.plain(view['name'])}"
    ):
        change(view)


@st.dialog("Add a user", icon=":material/person_add:")
def _add() -> None:
    name = st.text_input("Name", key="user_name", max_chars=160, placeholder="ada, or ada@example.com")
    role = _role("viewer", "user_role")
    password = st.text_input(
        "Password",
        type="password",
        key="user_password",
        max_chars=200,
        help="At least 12 characters; a few words will do.",
    )
    if st.button("Add", type="primary", key="user_confirm", disabled=not (name.strip() and password)):
        try:
            state.workspace().add_user(name, role=role, password=password, actor=state.actor())
        except WorkspaceError as error:
            st.error(text.plain(error, 600), icon=":material/error:")
        else:
            st.rerun()


@st.dialog("Change a user", icon=":material/manage_accounts:")
def change(view: UserView) -> None:
    """Ask what is to change of a user, or whether to remove them."""
    st.markdown(f"**{text.plain(view['name'], 80)}**. A new password, or being disabled, ends their sessions at once.")
    role = _role(view["role"], "change_role")
    password = None
    if view["signs_in"] == "password":
        password = st.text_input(
            "New password (left empty: stays)", type="password", key="change_password", max_chars=200
        )
    else:
        st.caption("They sign in at the provider: where its claims give a role, that counts at the next sign-in.")
    disabled = st.toggle("Shut out", value=view["disabled"], key="change_disabled")
    sure = st.checkbox("Remove this user for good", key="change_remove")
    label = "Remove" if sure else "Save"
    if not st.button(label, type="primary", key="change_confirm"):
        return
    ws = state.workspace()
    try:
        if sure:
            ws.remove_user(view["name"], actor=state.actor())
        else:
            ws.set_user(
                view["name"],
                role=role if role != view["role"] else None,
                password=password or None,
                disabled=disabled if disabled != view["disabled"] else None,
                actor=state.actor(),
            )
    except WorkspaceError as error:
        st.error(text.plain(error, 600), icon=":material/error:")
    else:
        st.rerun()


def _role(now: Role, key: str) -> Role:
    return st.radio("Role", ROLES, index=ROLES.index(now), captions=[MEANS[role] for role in ROLES], key=key)
