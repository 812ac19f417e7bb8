import django.contrib.postgres.fields
import django.db.models.deletion
from django.db import migrations, models

import ingestion.models


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("ingestion", "0005_raw_scope"),
    ]

    operations = [
        migrations.CreateModel(
            name="GroupSources",
            fields=[
                (
                    "group",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="read_sources",
                        serialize=False,
                        to="auth.group",
                    ),
                ),
                (
                    "patterns",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=128),
                        help_text="Ids, or patterns such as plant-*, with commas. A * alone: everything.",
                        size=None,
                        validators=[ingestion.models.check_patterns],
                    ),
                ),
            ],
            options={
                "verbose_name": "sources that its users may see",
                "verbose_name_plural": "sources that its users may see",
                "db_table": "group_sources",
            },
        ),
        # Changes no table: only what a form accepts.
        migrations.AlterField(
            model_name="key",
            name="sources",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=128),
                blank=True,
                default=list,
                help_text="Ids, or patterns such as plant-*, with commas. Empty: every source.",
                size=None,
                validators=[ingestion.models.check_patterns],
            ),
        ),
    ]
