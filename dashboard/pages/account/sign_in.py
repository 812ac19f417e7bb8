"""The pages to sign in and out, and to change the password."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.views import LoginView, LogoutView, PasswordChangeView
from django.http import HttpResponse
from django.urls import reverse, reverse_lazy

from dashboard.frame import came_from, preferences


class SignIn(LoginView):
    """Signs in with name and password; how many wrong ones are taken says `dataflow_site.access.sign_in_limits`."""

    template_name = "dashboard/account/sign_in.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add who is signed in already, and may not open the page that he came from."""
        shown = super().get_context_data(**kwargs)
        refused = shown["next"] if self.request.user.is_authenticated else ""
        return {**shown, "here": "sign-in", "refused": refused, "next": shown["next"] or self._before()}

    def _before(self) -> str:
        """Return the page that led here by a link; none if it asks to sign in itself."""
        before = came_from.page(self.request)
        return "" if before.startswith(reverse("sign-in")) else before

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        """Sign in, and let the browser know how this person wants to see the pages."""
        response = super().form_valid(form)
        kept = preferences.of_user(form.get_user())
        if kept is not None:
            preferences.set_cookie(response, kept, secure=self.request.is_secure())
        return response


class SignOut(LogoutView):
    """Signs out."""

    http_method_names = ["post", "options"]


class ChangePassword(PasswordChangeView):
    """Changes the password, which ends the other sessions of the account."""

    template_name = "dashboard/account/password.html"
    success_url = reverse_lazy("account")
    extra_context = {"here": "account"}

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        """Change it."""
        messages.success(self.request, "The password is changed. Other browsers that were signed in no longer are.")
        return super().form_valid(form)
